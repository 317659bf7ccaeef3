"""Values: operations, traces, errors, units. Tensors appear here only as types."""

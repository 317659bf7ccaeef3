"""Runs, op names and values in the form of a jit trace, without tracing."""

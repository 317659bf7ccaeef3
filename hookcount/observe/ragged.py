"""Jagged nested tensors: they run the ops on their values themselves."""

from __future__ import annotations

from torch.nested._internal.nested_tensor import NestedTensor


def is_ragged(types: tuple[type, ...]) -> bool:
    """Whether a jagged nested tensor is among the tensor subclasses ``types`` of an op's call."""
    return any(issubclass(each, NestedTensor) for each in types)

"""The tensors in a structure of values, and the memory that they show."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor

from .parts import part

PLAIN_TYPES = (
    int,
    float,
    bool,
    str,
    bytes,
    complex,
    type(None),
    torch.dtype,
    torch.device,
    torch.layout,
    torch.memory_format,
    torch.Size,
)
"""Types of values that hold no tensors and are kept as they are."""
DEPTH = 6
"""How many levels of a structure are searched."""


def tensors(value: Any, depth: int = DEPTH) -> Iterator[torch.Tensor]:
    """Each tensor in a structure, in order. The search goes ``depth`` levels deep.

    Of a tensor that several ranks hold together, it is this rank's part.
    """
    kind = type(value)
    if issubclass(kind, torch.Tensor):
        yield part(value)
    elif depth == 0 or issubclass(kind, PLAIN_TYPES):
        return
    elif issubclass(kind, (tuple, list, set, frozenset)):
        for item in value:
            yield from tensors(item, depth - 1)
    elif issubclass(kind, Mapping):
        for item in value.values():
            yield from tensors(item, depth - 1)
    elif not issubclass(kind, (type, types.FunctionType, types.ModuleType, torch.nn.Module)):
        try:
            attributes = vars(value)
        except Exception:  # it has none, or a __dict__ of its own that raises
            return
        if len(attributes) <= 64:
            yield from tensors(attributes, depth - 2 if depth > 2 else 0)


def has_values(tensor: torch.Tensor) -> bool:
    """Whether a tensor has values: it is neither on meta nor a ``FakeTensor``."""
    return not tensor.is_meta and not isinstance(tensor, FakeTensor)


def storage(tensor: torch.Tensor) -> int:
    """Identifies the memory of a tensor. Views of the same memory give the same number.

    Sparse and nested tensors have no single storage. They give their own identity.
    """
    try:
        return int(part(tensor).untyped_storage()._cdata)
    except (NotImplementedError, RuntimeError):
        return id(tensor)


def op_tensors(args: Iterable[Any]) -> list[torch.Tensor]:
    """Each tensor among an op's arguments, in order, also in lists and tuples of tensors."""
    found: list[torch.Tensor] = []
    for value in args:
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif type(value) in (list, tuple):
            found += [item for item in value if isinstance(item, torch.Tensor)]
    return found

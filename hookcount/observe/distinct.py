"""The key of an input: two inputs with equal keys have equal counts.

A shapes-only run reads shapes, and the values of what stays real in it: numbers, texts, and small
tensors of integers and booleans. ``x[mask]`` has as many rows as the mask says.
"""

from __future__ import annotations

import hashlib
import sys
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

import torch

from .quiet import apart
from .shapes_run.data import is_small_index
from .shapes_run.memo import PLAIN
from .values import Key

_DEEP = 12
"""The most levels of containers in an input that has a key."""
_LARGE = 2**24
"""The most bytes of an array of numpy whose values are read."""
_HEAP_TYPE = 1 << 9
"""The flag of a class that is made at run time, as all classes of Python code are."""
_BASES = (object, dict, OrderedDict, list, tuple, set, frozenset)
"""The built-in classes whose state is in their items."""
_OF_PYTHON = 2 * tuple.__itemsize__
"""The most bytes that a class of Python code adds: its ``__dict__`` and ``__weakref__``."""
_TENSORS = (torch.Tensor, torch.nn.Parameter)


class _NoKeyError(Exception):
    """The input holds something whose state cannot be read."""


def input_key(args: Iterable[object], kwargs: Mapping[str, object]) -> Key | None:
    """The key of the arguments of a forward. None if they hold something that has no key.

    A generator, a lock or a module has none, nor has a sparse or nested tensor.
    """
    try:
        with apart():
            return _Keys().of((tuple(args), dict(kwargs)), _DEEP)
    except Exception:  # no key, or the code of a container has raised
        return None


class _Keys:
    """Makes the keys of one input. An object that it meets again has the number of its place."""

    def __init__(self) -> None:
        self._places: dict[int, int] = {}
        self._met: list[object] = []  # held, so that no identity is used again

    def of(self, value: Any, depth: int) -> Key:
        """The key of a value, which has at most ``depth`` levels of containers."""
        kind = type(value)
        if value is None or kind is int or kind in PLAIN:
            return (kind, repr(value) if kind in (float, complex) else value)
        if isinstance(value, (Enum, type, torch.Size)):
            return (kind, value)
        place = self._places.setdefault(id(value), len(self._places))
        if place < len(self._met):
            return place
        self._met.append(value)
        if kind in _TENSORS:
            return _of_tensor(value)
        if depth == 0 or isinstance(value, (torch.Tensor, torch.nn.Module)):
            raise _NoKeyError
        numpy = sys.modules.get("numpy")
        if numpy is not None and isinstance(value, (numpy.ndarray, numpy.generic)):
            return _of_array(value)
        parts = [
            (self.of(name, depth - 1), self.of(each, depth - 1)) for name, each in _parts(value)
        ]
        return (kind, tuple(parts))


def _parts(value: Any) -> list[tuple[object, object]]:
    """The parts of a container, and the attributes of a plain object, each with its name."""
    kind = type(value)
    base = next(each for each in kind.__mro__ if each in _BASES)
    own = kind.__mro__[: kind.__mro__.index(base)]
    if (
        any(not each.__flags__ & _HEAP_TYPE or vars(each).get("__slots__") for each in own)
        or kind.__basicsize__ > base.__basicsize__ + _OF_PYTHON
    ):
        raise _NoKeyError  # it keeps a state that is in no attribute
    attributes = list(getattr(value, "__dict__", {}).items())
    if isinstance(value, Mapping):
        return [*value.items(), *attributes]
    if isinstance(value, (tuple, list)):
        return [*enumerate(value), *attributes]
    if isinstance(value, (set, frozenset)):
        return [*enumerate(sorted(value, key=repr)), *attributes]
    if base is object and not hasattr(value, "__dict__"):
        raise _NoKeyError
    return attributes


def _of_tensor(tensor: torch.Tensor) -> Key:
    if tensor.layout is not torch.strided or tensor.is_nested or tensor.is_quantized:
        raise _NoKeyError
    if tensor.__dict__:  # attributes of its own
        raise _NoKeyError
    known = (tensor.shape, tensor.stride(), tensor.dtype, tensor.device, tensor.requires_grad)
    if not is_small_index(tensor):
        return known
    return (*known, _digest(tensor.detach().cpu().contiguous().numpy().tobytes()))


def _of_array(array: Any) -> Key:
    if array.nbytes > _LARGE or array.dtype.hasobject:
        raise _NoKeyError
    return (array.shape, str(array.dtype), _digest(array.tobytes()))


def _digest(values: bytes) -> bytes:
    """Values in short. Two different values have the same digest in no program that ever ran."""
    return hashlib.blake2b(values, digest_size=20).digest()

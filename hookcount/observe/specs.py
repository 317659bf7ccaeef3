"""Replaces tensors by ``Spec`` objects, keeps containers, and reduces other objects to a type name.

``described`` does so for the arguments and results of modules, ``op_described`` for those of ops.
"""

from __future__ import annotations

import enum
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from ..core.integers import as_int
from ..core.structures import changed
from ..core.trace import Spec, leaves
from .contained import DEPTH, PLAIN_TYPES
from .layout import slots
from .parts import PLAIN, part
from .quiet import quiet
from .values import Described, Key

_FROZEN = frozenset((Spec, *PLAIN_TYPES)) - {float}
_specs: dict[tuple[torch.Size, torch.dtype, bool | tuple[torch.Size, ...]], Spec] = {}


@dataclass(frozen=True)
class Opaque:
    """Replaces a value of which only the type's name is kept."""

    type: str

    def __repr__(self) -> str:
        return f"<{self.type}>"


@dataclass(frozen=True, repr=False)
class Array(Opaque):
    """Replaces an array of numpy."""

    shape: tuple[int, ...]
    itemsize: int


@dataclass(frozen=True)
class Packed:
    """Replaces packed quantized weights by the shapes of the logical weight and bias."""

    shape: torch.Size
    bias: torch.Size | None


def spec_of(tensor: torch.Tensor) -> Spec:
    """The ``Spec`` of a tensor.

    Of a tensor that several ranks hold together, it is the ``Spec`` of this rank's part. Equal
    tensors share one object for the life of the process, since these objects are few and small.
    """
    if type(tensor) not in PLAIN:
        tensor = part(tensor)
    sparse = tensor.layout is not torch.strided
    shape, parts = _nested_shapes(tensor) if tensor.is_nested else (tensor.shape, ())
    key = (shape, tensor.dtype, parts or sparse)
    known = _specs.get(key)
    if known is None:
        dtype = tensor.dtype
        arithmetic = dtype.is_floating_point or dtype.is_complex or tensor.is_quantized
        if len(_specs) > 100_000:
            _specs.clear()
        made = Spec(
            torch.Size(shape),
            dtype,
            dtype.itemsize,
            arithmetic,
            sparse and not tensor.is_nested,
            parts,
        )
        known = _specs.setdefault(key, made)  # another thread may have been faster
    return known


def _nested_shapes(tensor: torch.Tensor) -> tuple[torch.Size, tuple[torch.Size, ...]]:
    """The padded shape [batch, longest, ...] of a nested tensor, and the shapes of its parts.

    The ops on a jagged tensor run on all its rows at once, so it has no parts. If its offsets are
    on meta, one sequence may have all rows.
    """
    with quiet():
        if tensor.layout is torch.strided:
            sizes = tensor._nested_tensor_size()
            longest: list[int] = sizes.amax(0).tolist() if len(sizes) else []
            return torch.Size([len(sizes), *longest]), tuple(map(torch.Size, sizes.tolist()))
        ragged: Any = tensor
        offsets: torch.Tensor = ragged.offsets()
        if offsets.is_meta:
            rows = ragged._values.size(ragged._ragged_idx - 1)
        else:
            rows = int(offsets.diff().amax()) if tensor.size(0) else 0
        lengths: Iterable[object] = tensor.shape
        return torch.Size([n if type(n) is int else rows for n in lengths]), ()


def described(value: Any, depth: int = DEPTH, opened: bool = False) -> Described:
    """A module's arguments or output with each tensor replaced by its ``Spec``.

    Containers keep their class and structure, up to ``depth`` levels. An object that holds tensors
    in its attributes (a dataclass, a cache) becomes a namespace with the same names. Objects inside
    it are not opened (``opened``): a cache passes through every layer and would be recorded whole
    at each.
    """
    kind = type(value)  # not isinstance: a proxy or a mock may pass for something else
    if issubclass(kind, torch.Tensor):
        return spec_of(value)
    if kind is tuple and len(value) == 1 and issubclass(type(value[0]), torch.Tensor):
        return (spec_of(value[0]),)
    value = as_int(value)
    kind = type(value)
    if issubclass(kind, PLAIN_TYPES):
        return value
    if depth == 0:
        return Opaque(kind.__name__)
    if issubclass(kind, (set, frozenset)):
        value, kind = list(value), list
    if issubclass(kind, (tuple, list, Mapping)):
        return changed(
            value,
            partial(described, depth=depth - 1, opened=opened),
            partial(described, depth=min(depth - 1, 2), opened=True),
            _key,
        )
    numpy = sys.modules.get("numpy")  # no array exists before
    if numpy is not None and isinstance(value, numpy.ndarray):
        return Array(kind.__name__, value.shape, value.itemsize)
    return Opaque(kind.__name__) if opened else _namespace(value, depth)


def _key(key: object, index: int) -> object:
    """What replaces a key of a mapping that is no plain value: a tensor, for example.

    Keys must differ, so each has its position in the mapping.
    """
    if isinstance(key, (*PLAIN_TYPES, enum.Enum)) or (
        isinstance(key, tuple) and all(isinstance(item, PLAIN_TYPES) for item in key)
    ):
        return key
    return Opaque(f"{type(key).__name__} {index}")


def op_described(value: object) -> Described:
    """An op's argument or output with each tensor replaced by its ``Spec``.

    Such values are simpler than a module's: tensors, plain values, and lists of them. Lists become
    tuples.
    """
    if isinstance(value, torch.Tensor):
        return spec_of(value)
    if isinstance(value, PLAIN_TYPES):
        return value
    if isinstance(value, (tuple, list)):
        return tuple([op_described(item) for item in value])
    if isinstance(value, torch.ScriptObject):
        return _packed(value)
    value = as_int(value)
    return value if type(value) is int else Opaque(type(value).__name__)


def _packed(value: Any) -> Packed | Opaque:
    """``value`` is a ``torch.ScriptObject``. Some of them have ``unpack``."""
    try:
        weight, bias = value.unpack()
    except Exception:
        return Opaque("ScriptObject")
    return Packed(weight.shape, None if bias is None else bias.shape)


def _namespace(value: object, depth: int) -> types.SimpleNamespace | Opaque:
    """The attributes of an object that holds tensors; for any other object an ``Opaque``."""
    try:
        attributes = (
            {**_slots(value), **vars(value)} if hasattr(value, "__dict__") else _slots(value)
        )
    except Exception:  # a __dict__ of its own that raises
        return Opaque(type(value).__name__)
    if (
        isinstance(value, (type, types.FunctionType, types.ModuleType, torch.nn.Module))
        or len(attributes) > 64
    ):
        return Opaque(type(value).__name__)
    kept = {name: described(item, depth - 1, opened=True) for name, item in attributes.items()}
    if next(leaves(kept), None) is None:
        return Opaque(type(value).__name__)
    return types.SimpleNamespace(**kept)


def _slots(value: object) -> dict[str, object]:
    """The attributes in the slots of an object of a dataclass."""
    names = getattr(type(value), "__dataclass_fields__", ())
    kept = [slot.__name__ for slot in slots(type(value))] if names else []
    return {name: getattr(value, name) for name in kept if name in names and hasattr(value, name)}


def freeze(value: object) -> Key:
    """A hashable form of a value that ``described`` or ``op_described`` made.

    Equal calls have equal forms.
    """
    kind = type(value)
    if kind in _FROZEN:
        return value
    if isinstance(value, (list, tuple)):
        is_plain = kind is tuple or kind is list
        if is_plain and len(value) == 1 and type(value[0]) is Spec:
            return (value[0],)
        frozen = tuple([freeze(item) for item in value])
        return frozen if is_plain else (kind, frozen, _frozen_attributes(value))
    if isinstance(value, Mapping):
        items = tuple([(key, freeze(item)) for key, item in value.items()])
        return items if kind is dict else (kind, items, _frozen_attributes(value))
    if isinstance(value, types.SimpleNamespace):
        return freeze(vars(value))
    if isinstance(value, float) and value != value:
        return "nan"
    return value


def _frozen_attributes(value: object) -> Key:
    try:
        return freeze(vars(value))
    except Exception:  # a named tuple, for example, has none
        return ()


def all_last(value: Described, lasts: Callable[[type], bool]) -> bool:
    """Whether the type of each value in what ``described`` made satisfies ``lasts``."""
    kind = type(value)
    if kind is Spec or value is None or kind is int:
        return True
    if isinstance(value, types.SimpleNamespace):
        return all_last(vars(value), lasts)
    items: Iterable[object] = ()
    if isinstance(value, Mapping):
        items = (*value.keys(), *value.values())
    elif isinstance(value, (list, tuple)):
        items = value
    if kind is not tuple and kind is not list and kind is not dict and not lasts(kind):
        return False
    return all([all_last(item, lasts) for item in items])  # noqa: C419 (a generator is slower)

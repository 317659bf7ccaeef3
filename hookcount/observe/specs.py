"""From values to what is kept of them: a tensor becomes a ``Spec``, a structure keeps its form, the rest its type's name."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from ..core.trace import Spec, leaves

_PLAIN = (
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
_DEPTH = 6
_specs: dict[Any, Spec] = {}


@dataclass(frozen=True)
class Opaque:
    """Stands for an argument of which only the type is kept."""

    type: str

    def __repr__(self) -> str:
        return f"<{self.type}>"


@dataclass(frozen=True)
class Packed:
    """Stands for packed quantized weights: the logical weight's and bias's shape."""

    shape: Any
    bias: Any


def spec(tensor: torch.Tensor) -> Spec:
    """The ``Spec`` of a tensor, one object per shape and dtype while the process lives (they are few and small)."""
    sparse = tensor.layout is not torch.strided
    shape = _nested_shape(tensor) if tensor.is_nested else tensor.shape
    key = (shape, tensor.dtype, sparse)
    known = _specs.get(key)
    if known is None:
        dtype = tensor.dtype
        arithmetic = dtype.is_floating_point or dtype.is_complex or tensor.is_quantized
        if len(_specs) > 100_000:
            _specs.clear()
        known = _specs[key] = Spec(
            torch.Size(shape), dtype, dtype.itemsize, arithmetic, sparse and not tensor.is_nested
        )
    return known


def _nested_shape(tensor: torch.Tensor) -> torch.Size:
    """The padded shape [batch, longest, ...] of a nested tensor: what torch's own kernels pad it to."""
    if tensor.layout is torch.strided:
        longest: list[int] = tensor._nested_tensor_size().amax(0).tolist()
        return torch.Size([tensor.size(0), *longest])
    ragged: Any = tensor
    rows = int(ragged.offsets().diff().amax()) if tensor.size(0) else 0
    lengths: list[Any] = list(tensor.shape)
    return torch.Size([n if type(n) is int else rows for n in lengths])


def specs(value: Any, depth: int = _DEPTH, opened: bool = False) -> Any:
    """A module's argument or output with each tensor replaced by its ``Spec``; nested structures are kept.

    An object that holds tensors in its attributes (a dataclass, a cache) becomes a namespace with the same names; objects inside
    it are not opened, since a cache handed from layer to layer would be written down whole at each.
    """
    if isinstance(value, torch.Tensor):
        return spec(value)
    if type(value) is tuple and len(value) == 1 and isinstance(value[0], torch.Tensor):
        return (spec(value[0]),)
    if isinstance(value, _PLAIN):
        return value
    if depth == 0:
        return Opaque(type(value).__name__)
    if isinstance(value, tuple):
        items = [specs(item, depth - 1, opened) for item in value]
        return type(value)._make(items) if hasattr(value, "_make") else tuple(items)
    if isinstance(value, (list, set, frozenset)):
        return [specs(item, depth - 1, opened) for item in value]
    if isinstance(value, Mapping):
        return {key: specs(item, depth - 1, opened) for key, item in value.items()}
    return Opaque(type(value).__name__) if opened else _namespace(value, depth)


def op_specs(value: Any) -> Any:
    """The same for an op's argument or output, which are simpler: tensors, plain values, and lists (here tuples) of them."""
    if isinstance(value, torch.Tensor):
        return spec(value)
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, (tuple, list)):
        return tuple([op_specs(item) for item in value])
    if isinstance(value, torch.ScriptObject):
        return _packed(value)
    return Opaque(type(value).__name__)


def _packed(value: Any) -> Any:
    try:
        weight, bias = value.unpack()
    except Exception:
        return Opaque("ScriptObject")
    return Packed(weight.shape, None if bias is None else bias.shape)


def _namespace(value: Any, depth: int) -> Any:
    try:
        attributes = vars(value)
    except TypeError:
        return Opaque(type(value).__name__)
    if (
        isinstance(value, (type, types.FunctionType, types.ModuleType, torch.nn.Module))
        or len(attributes) > 64
    ):
        return Opaque(type(value).__name__)
    kept = {name: specs(item, depth - 1, opened=True) for name, item in attributes.items()}
    if next(leaves(kept), None) is None:
        return Opaque(type(value).__name__)
    return types.SimpleNamespace(**kept)


def tensors(value: Any, depth: int = _DEPTH) -> Any:
    """Each tensor in a structure, in order."""
    if isinstance(value, torch.Tensor):
        yield value
    elif depth == 0 or isinstance(value, _PLAIN):
        return
    elif isinstance(value, (tuple, list, set, frozenset)):
        for item in value:
            yield from tensors(item, depth - 1)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors(item, depth - 1)
    elif not isinstance(
        value, (type, types.FunctionType, types.ModuleType, torch.nn.Module)
    ) and hasattr(value, "__dict__"):
        attributes = vars(value)
        if len(attributes) <= 64:
            yield from tensors(attributes, depth - 2 if depth > 2 else 0)


def storage(tensor: torch.Tensor) -> int:
    """Tells whose memory a tensor shows; sparse and nested tensors have none of one piece, and stand for themselves."""
    try:
        return int(tensor.untyped_storage()._cdata)
    except (NotImplementedError, RuntimeError):
        return id(tensor)


def op_tensors(args: tuple[Any, ...]) -> list[torch.Tensor]:
    """Each tensor among an op's arguments, in order."""
    found: list[torch.Tensor] = []
    for value in args:
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif type(value) in (list, tuple):
            found += [item for item in value if isinstance(item, torch.Tensor)]
    return found


def freeze(value: Any) -> Any:
    """A hashable twin of what ``specs`` made, for interning."""
    kind = type(value)
    if kind is Spec or kind is int or kind is torch.Size:
        return value
    if isinstance(value, (list, tuple)):
        return tuple([freeze(item) for item in value])
    if isinstance(value, dict):
        return tuple([(key, freeze(item)) for key, item in value.items()])
    if isinstance(value, types.SimpleNamespace):
        return freeze(vars(value))
    if isinstance(value, float) and value != value:
        return "nan"
    return value

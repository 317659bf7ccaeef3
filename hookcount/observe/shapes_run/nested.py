"""Strided nested tensors in a shapes-only run.

A nested tensor holds sequences of different lengths. torch has none on meta. So its stand-in is one
on the CPU in memory that nobody reads. ``nn.TransformerEncoder`` makes one of a padding mask. The
mask is a constant and gives the lengths. If the mask is data, its values are unknown, and no step
is taken for padding. Another op on nested tensors runs on meta, once for each pair of shapes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from ...rules.registry import Op
from ..contained import op_tensors
from ..opfacts import OpFacts
from ..quiet import quiet
from ..values import OpArgs, OpKwargs, OpResult
from .data import Data
from .meta_tensors import empty


def nested_like(sizes: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """A nested tensor of sequences with these sizes, a row each, on the CPU."""
    rows = sizes.prod(1)
    strides = torch.ones_like(sizes)
    strides[:, :-1] = sizes[:, 1:].flip(1).cumprod(1).flip(1)
    memory = torch.empty(int(rows.sum()), dtype=dtype)
    return torch._nested_view_from_buffer(memory, sizes, strides, rows.cumsum(0) - rows)


def is_left_aligned(data: Data, padded: torch.Tensor, mask: torch.Tensor) -> bool:
    """Whether each sequence begins at its first position."""
    return not data.has(mask) and bool((mask[:, 1:] <= mask[:, :-1]).all())


def from_mask(data: Data, padded: torch.Tensor, mask: torch.Tensor, *rest: object) -> torch.Tensor:
    """Sequences of [length, E] from [N, L, E] and a mask [N, L] of the real steps."""
    batch, longest, depth = padded.shape
    lengths = torch.full((batch,), longest) if data.has(mask) else mask.sum(1).cpu()
    return nested_like(torch.stack((lengths, torch.full_like(lengths, depth)), 1), padded.dtype)


def to_padded(
    data: Data, nested: torch.Tensor, padding: float, output_size: list[int] | None = None
) -> torch.Tensor:
    """[N, L, E] from sequences of [length, E]."""
    longest = nested._nested_tensor_size().amax(0).tolist()
    return empty(output_size or (nested.size(0), *longest), nested.dtype)


def encoder_layer(data: Data, source: torch.Tensor, *rest: object) -> torch.Tensor:
    """Sequences of the same sizes."""
    return nested_like(source._nested_tensor_size(), source.dtype)


def layer_norm(
    data: Data, source: torch.Tensor, shape: list[int], *rest: object
) -> tuple[torch.Tensor, ...]:
    """Sequences of the same sizes, and two statistics of each step."""
    sizes = source._nested_tensor_size()
    steps = int(sizes.prod(1).sum()) // math.prod(shape)
    return (
        nested_like(sizes, source.dtype),
        empty((steps, 1), source.dtype),
        empty((steps, 1), source.dtype),
    )


def from_list(data: Data, tensors: list[torch.Tensor], *rest: object) -> torch.Tensor:
    """A nested tensor of tensors with the same number of dimensions."""
    return nested_like(torch.tensor([each.shape for each in tensors]), tensors[0].dtype)


MAKES: dict[str, Callable[..., Any]] = {
    "aten::_nested_tensor_from_mask_left_aligned": is_left_aligned,
    "aten::_nested_tensor_from_mask": from_mask,
    "aten::_nested_tensor_from_tensor_list": from_list,
}
"""The ops that make a nested tensor of other tensors."""
TAKES: dict[str, Callable[..., Any]] = {
    "aten::to_padded_tensor": to_padded,
    "aten::_transformer_encoder_layer_fwd": encoder_layer,
    "aten::native_layer_norm": layer_norm,
}
"""The ops that take a nested tensor and do not work on each of its parts alike."""
ALIKE = {"aten::clone", "aten::_to_copy", "aten::linear", "aten::matmul", "aten::native_dropout"}
"""The ops that work on each part alike. So do all elementwise ops."""
ALONG = {"aten::_softmax", "aten::_log_softmax", "aten::_safe_softmax", "aten::softmax"}
"""The ops that work on each part alike, along the dimension that the second argument names."""


def on_nested(
    func: Op, facts: OpFacts, data: Data, args: OpArgs, kwargs: OpKwargs
) -> tuple[OpResult] | None:
    """The result of an op that makes or takes a nested tensor, in a tuple; None for other ops."""
    nested = any([each.is_nested for each in op_tensors(args)])  # noqa: C419 (faster)
    rule = TAKES.get(facts.name) if nested else MAKES.get(facts.name)
    made: OpResult
    if rule is None and not nested:
        return None
    with quiet():
        if rule is not None:
            made = rule(data, *args, **kwargs)
        elif facts.view or facts.name in _OF_SIZES:
            made = func(*args, **kwargs)  # it reads no memory
        elif (alike := _alike(func, facts, args)) is not None:
            made = by_parts(alike, _of_part(facts, args), data.mapped_kwargs(kwargs))
        else:
            return None
    if facts.name not in _OF_SIZES:
        for each in op_tensors((made,)):
            if not each.is_meta:
                data.add(each)
    return (made,)


_OF_SIZES = {
    *("aten::_nested_tensor_size", "aten::_nested_tensor_strides"),
    *("aten::_nested_tensor_storage_offsets", "aten::_nested_tensor_from_mask_left_aligned"),
}


def _alike(func: Op, facts: OpFacts, args: OpArgs) -> Op | None:
    """The op on one part that ``func`` runs on each; None if it does not work so."""
    if facts.name == "aten::bmm":
        return torch.ops.aten.matmul.default
    if facts.writes or not isinstance(func, torch._ops.OpOverload):
        return None
    alike = facts.name in ALIKE or facts.name in ALONG or torch.Tag.pointwise in func.tags
    return func if alike else None


def _of_part(facts: OpFacts, args: OpArgs) -> OpArgs:
    """The arguments for one part, which has no batch dimension."""
    if facts.name in ALONG and args[1] > 0:
        return (args[0], args[1] - 1, *args[2:])
    return args


def by_parts(func: Op, args: OpArgs, kwargs: OpKwargs) -> OpResult:
    """The result of an op that works alike on each part of the nested tensors among ``args``.

    A dense operand with a batch dimension gives each part its own part.
    """
    sizes = {id(each): each._nested_tensor_size() for each in op_tensors(args) if each.is_nested}
    first = next(each for each in op_tensors(args) if each.is_nested)

    def part(value: Any, row: int) -> Any:
        if isinstance(value, torch.Tensor):
            if value.is_nested:
                return empty(sizes[id(value)][row].tolist(), value.dtype)
            return empty(value.shape[value.dim() == first.dim() :], value.dtype)
        return value

    known: dict[object, OpResult] = {}
    made: list[OpResult] = []
    for row in range(first.size(0)):
        shapes = tuple([tuple(each[row].tolist()) for each in sizes.values()])
        if shapes not in known:
            known[shapes] = func(*[part(each, row) for each in args], **kwargs)
        made.append(known[shapes])
    if isinstance(made[0], tuple):
        return tuple(map(_together, zip(*made, strict=True)))
    return _together(made)


def _together(parts: Sequence[Any]) -> torch.Tensor:
    """A nested tensor with parts of these shapes."""
    return nested_like(torch.tensor([each.shape for each in parts]), parts[0].dtype)

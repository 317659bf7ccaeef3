"""Output shapes of ops on tensors: elementwise, softmax, mean, copies, views, concatenation.

Each rule takes the op's arguments and returns None where it does not apply.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import torch

from .meta_tensors import Made, empty, like


def unary(input: torch.Tensor, *rest: object, **options: object) -> Made:
    """[*] = unary([*]), for floating-point input."""
    return like(input) if input.is_floating_point() else None


def binary(left: object, right: object, **options: object) -> Made:
    """[*] = binary([*], [*]), for floating-point operands of one dtype.

    It applies to operands of equal layout, and to a tensor with a plain number. It also applies to
    parts of contiguous tensors, and where both are contiguous and one has the broadcast shape.
    """
    if (
        not isinstance(left, torch.Tensor)
        or not left.is_floating_point()
        or options.get("rounding_mode") is not None
    ):
        return None
    if isinstance(right, (int, float)):
        return like(left)
    if not isinstance(right, torch.Tensor) or left.dtype != right.dtype:
        return None
    if left.shape == right.shape:
        if left.stride() == right.stride():
            return like(left)
        return empty(left.shape, left.dtype) if _in_order(left) and _in_order(right) else None
    if left.is_contiguous() and right.is_contiguous():
        if _broadcasts(right.shape, left.shape):
            return like(left)
        if _broadcasts(left.shape, right.shape):
            return like(right)
    return None


def _in_order(tensor: torch.Tensor) -> bool:
    """Whether each axis has larger steps than the next, as in a part of a contiguous tensor."""
    pairs = zip(tensor.stride(), tensor.shape, strict=True)
    steps = [stride for stride, size in pairs if size > 1]
    return all(each > after for each, after in pairwise(steps)) and 0 not in steps


def _broadcasts(small: Sequence[int], large: Sequence[int]) -> bool:
    """Whether ``small`` broadcasts to ``large`` without changing ``large``."""
    pairs = zip(reversed(small), reversed(large), strict=False)
    return len(small) <= len(large) and all(n in (1, m) for n, m in pairs)


def softmax(
    input: torch.Tensor, dim: int, dtype: torch.dtype | bool | None = None, *rest: object
) -> Made:
    """[*] = softmax([*]).

    ``_safe_softmax`` has a dtype as ``dtype``. ``_softmax`` has a flag there: whether half
    precision becomes single precision.
    """
    axes = max(input.dim(), 1)
    if dtype or not -axes <= dim < axes or not input.is_floating_point():
        return None
    return like(input) if input.is_contiguous() else None


def mean(
    input: torch.Tensor,
    dim: Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: torch.dtype | None = None,
) -> Made:
    """[*] without the axes ``dim`` = mean([*]). With ``keepdim`` those axes have one element."""
    if not dim or dtype is not None or not input.is_contiguous() or not input.is_floating_point():
        return None
    axes = max(input.dim(), 1)
    if not all(-axes <= axis < axes for axis in dim):
        return None
    gone = {axis % axes for axis in dim}
    sizes = [
        1 if axis in gone else size
        for axis, size in enumerate(input.shape)
        if keepdim or axis not in gone
    ]
    return empty(sizes, input.dtype)


def roll(input: torch.Tensor, shifts: Sequence[int], dims: Sequence[int] = ()) -> Made:
    """[*] = roll([*]), along axes that a tensor with elements has. The output is contiguous."""
    has_axes = all(-input.dim() <= dim < input.dim() for dim in dims)
    if not input.is_contiguous() or (input.numel() and not has_axes):
        return None
    return empty(input.shape, input.dtype)


def clone(input: torch.Tensor, *, memory_format: torch.memory_format | None = None) -> Made:
    """[*] = clone([*]), with the same strides or contiguous."""
    if memory_format is torch.contiguous_format:
        return empty(input.shape, input.dtype)
    return like(input) if memory_format in (None, torch.preserve_format) else None


def unsafe_view(input: torch.Tensor, size: Sequence[int]) -> Made:
    """[*size] = unsafe_view([*]), with as many elements. One size may be -1."""
    known, elements = prod(each for each in size if each >= 0), input.numel()
    if not input.is_contiguous() or not known or list(size).count(-1) > 1 or elements % known:
        return None
    return empty([elements // known if each < 0 else each for each in size], input.dtype)


def compare(left: torch.Tensor, right: object) -> Made:
    """[*] booleans = compare([*], number)."""
    return (
        empty(left.shape, torch.bool)
        if isinstance(right, (int, float)) and left.is_contiguous()
        else None
    )


def masked_fill(input: torch.Tensor, mask: torch.Tensor, value: object) -> Made:
    """[*] = masked_fill([*], mask, number), with a mask that broadcasts to [*]."""
    fits = (
        input.is_contiguous()
        and isinstance(value, (int, float))
        and _broadcasts(mask.shape, input.shape)
    )
    return empty(input.shape, input.dtype) if fits else None


def cat(tensors: Sequence[torch.Tensor], dim: int = 0) -> Made:
    """[.., n1 + n2 + .., ..] = cat([.., n1, ..], [.., n2, ..], ..): sizes along ``dim`` add up."""
    first = tensors[0]
    shapes = [list(tensor.shape) for tensor in tensors]
    if (
        not first.dim()
        or (first.dim() == 4 and first.is_contiguous(memory_format=torch.channels_last))
        or any(tensor.dtype != first.dtype or not tensor.is_contiguous() for tensor in tensors)
    ):
        return None
    axis = dim % first.dim()
    if any(len(shape) != first.dim() for shape in shapes):
        return None
    joined = sum(shape[axis] for shape in shapes)
    rest = {tuple(shape[:axis] + shape[axis + 1 :]) for shape in shapes}
    return (
        empty([*shapes[0][:axis], joined, *shapes[0][axis + 1 :]], first.dtype)
        if len(rest) == 1
        else None
    )

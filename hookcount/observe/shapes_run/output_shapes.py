"""Output shapes of the ops that models run most, worked out here: torch's own shapes-only implementations of them are written in
Python, and the first of them to run imports its compiler. A rule gives None where it does not hold; then torch's is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch

from .grouped_shapes import grouped_mm

_UNARY = """abs cos elu erf exp gelu hardsigmoid hardswish hardtanh leaky_relu log mish neg reciprocal relu rsqrt sigmoid silu sin
softplus sqrt tanh"""
_BINARY = "add sub mul div"
_COMPARE = "eq ne lt le gt ge"
_META = torch.device("meta")


def empty(shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
    """A contiguous tensor. ``torch.empty_like`` and ``new_empty`` cost several times as much on meta."""
    strides: list[int] = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return torch.empty_strided(tuple(shape), strides[::-1], dtype=dtype, device=_META)


def like(tensor: torch.Tensor) -> torch.Tensor:
    """What ``torch.empty_like`` gives: the same strides where they leave no holes."""
    if tensor.is_contiguous() or (
        tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
    ):
        return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=_META)
    return torch.empty_like(tensor)


def addmm(bias: torch.Tensor, left: torch.Tensor, right: torch.Tensor, **scales: Any) -> Any:
    """[m, n] = [m, k] @ [k, n] + bias."""
    fits = (
        left.dim() == right.dim() == 2
        and left.shape[1] == right.shape[0]
        and left.dtype == right.dtype == bias.dtype
    )
    if not fits or bias.dim() != 1 or bias.shape[0] not in (1, right.shape[1]):
        return None
    return empty((left.shape[0], right.shape[1]), left.dtype)


def matmul(left: torch.Tensor, right: torch.Tensor) -> Any:
    """[m, n] = [m, k] @ [k, n], and the same for each of a batch."""
    if (
        left.dim() != right.dim()
        or left.shape[-1] != right.shape[-2]
        or left.shape[:-2] != right.shape[:-2]
    ):
        return None
    return (
        empty((*left.shape[:-1], right.shape[-1]), left.dtype)
        if left.dtype == right.dtype
        else None
    )


def window(size: int, kernel: int, step: int, padding: int, dilation: int) -> int:
    """How many places a kernel takes along an axis."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // step + 1


def pool2d(
    input: torch.Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> torch.Tensor | None:
    """[N, C, *] of [N, C, *], each axis as in a convolution."""
    if (
        input.dim() != 4
        or not input.is_contiguous()
        or input.is_contiguous(memory_format=torch.channels_last)
    ):
        return None
    pairs: list[Sequence[int]] = [
        (each[0], each[-1]) for each in (kernel, stride or kernel, padding, dilation)
    ]
    sizes = [window(input.shape[2 + axis], *(pair[axis] for pair in pairs)) for axis in range(2)]
    if min(sizes) <= 0 or any(2 * pad > size for size, pad in zip(pairs[0], pairs[2], strict=True)):
        return None
    return empty((*input.shape[:2], *sizes), input.dtype)


def max_pool2d(
    input: torch.Tensor,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    ceil_mode: bool = False,
) -> Any:
    """The largest of each window, and where it was."""
    made = None if ceil_mode else pool2d(input, kernel, stride, padding, dilation)
    return None if made is None else (made, empty(made.shape, torch.int64))


def avg_pool2d(
    input: torch.Tensor,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    *rest: Any,
) -> Any:
    """The mean of each window. ``rest`` begins with whether sizes are rounded up."""
    return None if rest and rest[0] else pool2d(input, kernel, stride, padding, (1,))


def convolution(
    input: torch.Tensor,
    weight: torch.Tensor,
    bias: Any,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Any:
    """[N, out, *] of [N, in, *], each axis (size + 2 padding - dilation (kernel - 1) - 1) / stride + 1 rounded down."""
    axes = input.dim() - 2
    fits = (
        weight.dim() == input.dim()
        and input.dtype == weight.dtype
        and input.shape[1] == weight.shape[1] * groups
    )
    if (
        transposed
        or not fits
        or not input.is_contiguous()
        or not weight.is_contiguous()
        or len(stride) * axes == 0
    ):
        return None
    if weight.shape[0] % groups or (bias is not None and tuple(bias.shape) != (weight.shape[0],)):
        return None
    sizes = [
        window(
            input.shape[2 + axis],
            weight.shape[2 + axis],
            *(each[axis if len(each) > 1 else 0] for each in (stride, padding, dilation)),
        )
        for axis in range(axes)
    ]
    either = (input.shape[1] == 1 and axes > 1) or (
        axes == 2 and input.is_contiguous(memory_format=torch.channels_last)
    )
    if min(sizes) <= 0 or (either and max(sizes) > 1):
        return None  # its layout is channels last, too: torch says which one it takes
    return empty((input.shape[0], weight.shape[0], *sizes), input.dtype)


def batch_norm(
    input: torch.Tensor, weight: Any, bias: Any, mean: Any, var: Any, training: bool, *rest: Any
) -> Any:
    """[N, C, *], and the statistics that a backward pass needs: [C] in training."""
    kept = (input.shape[1] if training else 0,)
    return like(input), empty(kept, torch.float32), empty(kept, torch.float32)


def batch_norm_in_eval(input: torch.Tensor, *rest: Any) -> Any:
    """[N, C, *] and two empty tensors."""
    return batch_norm(input, None, None, None, None, False)


def layer_norm(
    input: torch.Tensor, shape: Sequence[int], weight: Any, bias: Any, eps: float
) -> Any:
    """[*, *shape], contiguous, and the mean and 1 / std of each row."""
    if tuple(input.shape[input.dim() - len(shape) :]) != tuple(shape):
        return None
    rows = (*input.shape[: input.dim() - len(shape)], *[1] * len(shape))
    return empty(input.shape, input.dtype), empty(rows, torch.float32), empty(rows, torch.float32)


def unary(input: torch.Tensor, *rest: Any, **options: Any) -> Any:
    """An element for an element."""
    return like(input) if input.is_floating_point() else None


def binary(left: Any, right: Any, **options: Any) -> Any:
    """An element for a pair: of equal layouts, with a plain number, or where a contiguous operand has the shape of both."""
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
        return like(left) if left.stride() == right.stride() else None
    if left.is_contiguous() and right.is_contiguous():
        if _broadcasts(right.shape, left.shape):
            return like(left)
        if _broadcasts(left.shape, right.shape):
            return like(right)
    return None


def _broadcasts(small: Sequence[int], large: Sequence[int]) -> bool:
    pairs = zip(reversed(small), reversed(large), strict=False)
    return len(small) <= len(large) and all(n in (1, m) for n, m in pairs)


def softmax(input: torch.Tensor, dim: int, dtype: Any = None, *rest: Any) -> Any:
    """A row for a row. ``dtype`` is a dtype for ``_safe_softmax``, else whether half precision is widened."""
    return (
        like(input) if not dtype and input.is_contiguous() and input.is_floating_point() else None
    )


def mean(input: torch.Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Fewer axes, or axes of one element."""
    if not dim or dtype is not None or not input.is_contiguous() or not input.is_floating_point():
        return None
    gone = {axis % input.dim() for axis in dim}
    sizes = [
        1 if axis in gone else size
        for axis, size in enumerate(input.shape)
        if keepdim or axis not in gone
    ]
    return empty(sizes, input.dtype)


def same(input: torch.Tensor, *rest: Any, **options: Any) -> Any:
    """An element for an element, laid out anew."""
    return empty(input.shape, input.dtype) if input.is_contiguous() else None


def clone(input: torch.Tensor, *, memory_format: Any = None) -> Any:
    """A copy, of the same strides or contiguous."""
    if memory_format is torch.contiguous_format:
        return empty(input.shape, input.dtype)
    return like(input) if memory_format in (None, torch.preserve_format) else None


def unsafe_view(input: torch.Tensor, size: Sequence[int]) -> Any:
    """The same elements in another shape."""
    known, elements = prod(each for each in size if each >= 0), input.numel()
    if not input.is_contiguous() or not known or list(size).count(-1) > 1 or elements % known:
        return None
    return empty([elements // known if each < 0 else each for each in size], input.dtype)


def compare(left: torch.Tensor, right: Any) -> Any:
    """A truth for an element."""
    return (
        empty(left.shape, torch.bool)
        if isinstance(right, (int, float)) and left.is_contiguous()
        else None
    )


def masked_fill(input: torch.Tensor, mask: torch.Tensor, value: Any) -> Any:
    """[*], the mask broadcast to it."""
    fits = (
        input.is_contiguous()
        and isinstance(value, (int, float))
        and _broadcasts(mask.shape, input.shape)
    )
    return empty(input.shape, input.dtype) if fits else None


def cat(tensors: Sequence[torch.Tensor], dim: int = 0) -> Any:
    """Sizes along ``dim`` add up."""
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


def multi_head(query: torch.Tensor, key: torch.Tensor, *args: Any, **options: Any) -> Any:
    """[N, L, E] and, if asked for, the weights: torch has nothing for it."""
    heads = args[2]
    need_weights = options.get("need_weights", args[8] if len(args) > 8 else True)
    averaged = options.get("average_attn_weights", args[9] if len(args) > 9 else True)
    batch, length = query.shape[:2]
    shape = (batch, length, key.shape[1]) if averaged else (batch, heads, length, key.shape[1])
    return like(query), empty(shape if need_weights else (0,), query.dtype)


def encoder_layer(src: torch.Tensor, *args: Any, **options: Any) -> Any:
    """[N, L, E] = its input's shape: torch has nothing for it."""
    return like(src)


RULES: dict[str, Callable[..., Any]] = {
    "aten::addmm": addmm,
    "aten::native_batch_norm": batch_norm,
    "aten::_native_batch_norm_legit": batch_norm,
    "aten::_native_batch_norm_legit_no_training": batch_norm_in_eval,
    "aten::native_layer_norm": layer_norm,
    "aten::_softmax": softmax,
    "aten::_safe_softmax": softmax,
    "aten::mean": mean,
    "aten::mm": matmul,
    "aten::bmm": matmul,
    "aten::_grouped_mm": grouped_mm,
    "aten::convolution": convolution,
    "aten::max_pool2d_with_indices": max_pool2d,
    "aten::avg_pool2d": avg_pool2d,
    "aten::roll": same,
    "aten::clone": clone,
    "aten::_unsafe_view": unsafe_view,
    "aten::masked_fill": masked_fill,
    **{f"aten::{name}": compare for name in _COMPARE.split()},
    "aten::cat": cat,
    "aten::_native_multi_head_attention": multi_head,
    "aten::_transformer_encoder_layer_fwd": encoder_layer,
    **{f"aten::{name}": unary for name in _UNARY.split()},
    **{f"aten::{name}": binary for name in _BINARY.split()},
}


def output(name: str, writes: bool, args: Any, kwargs: Any) -> Any:
    """What the op gives, or None where no rule tells. An op in place gives its first argument, if that has the right shape."""
    rule = RULES.get(name.removesuffix("_") if writes else name)
    if rule is None or "out" in kwargs:
        return None
    made = rule(*args, **kwargs)
    if made is None or not (writes and name.endswith("_")):
        return made
    return args[0] if isinstance(made, torch.Tensor) and made.shape == args[0].shape else None

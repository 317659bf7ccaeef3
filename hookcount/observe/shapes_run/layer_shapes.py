"""Output shapes of the ops of layers: products, convolutions, pooling.

Each rule takes the op's arguments and returns None where it does not apply.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .meta_tensors import Made, empty


def addmm(bias: torch.Tensor, left: torch.Tensor, right: torch.Tensor, **scales: object) -> Made:
    """[m, n] = addmm([n], [m, k], [k, n])."""
    fits = (
        left.dim() == right.dim() == 2
        and left.shape[1] == right.shape[0]
        and left.dtype == right.dtype == bias.dtype
    )
    if not fits or bias.dim() != 1 or bias.shape[0] not in (1, right.shape[1]):
        return None
    return empty((left.shape[0], right.shape[1]), left.dtype)


def matmul(left: torch.Tensor, right: torch.Tensor) -> Made:
    """[*, m, n] = [*, m, k] @ [*, k, n], for ``mm`` and ``bmm``."""
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
    """The number of positions of a kernel along an axis."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // step + 1


def pool2d(
    input: torch.Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> torch.Tensor | None:
    """[N, C, H', W'] = pool2d([N, C, H, W]), each axis as in a convolution."""
    if (
        input.dim() != 4
        or 0 in input.shape[1:]
        or min(*kernel, *(stride or kernel), *dilation) < 1
        or min(padding) < 0
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
) -> Made:
    """[N, C, H', W'] values and as many indices = max_pool2d([N, C, H, W])."""
    made = None if ceil_mode else pool2d(input, kernel, stride, padding, dilation)
    return None if made is None else (made, empty(made.shape, torch.int64))


def avg_pool2d(
    input: torch.Tensor,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    *rest: object,
) -> Made:
    """[N, C, H', W'] = avg_pool2d([N, C, H, W]). ``rest`` begins with ``ceil_mode``.

    Its third item is a divisor, if given.
    """
    ceil_mode, divisor = rest[:1], rest[2:3]
    if any(ceil_mode) or divisor == (0,):
        return None
    return pool2d(input, kernel, stride, padding, (1,))


def convolution(
    input: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Made:
    """[N, out, *] = convolution([N, in, *], [out, in / groups, *]), after ``shape_checks.py``.

    An axis of ``size`` elements becomes
    (size + 2 padding - dilation (kernel - 1) - 1) // stride + 1.
    """
    axes = input.dim() - 2
    if (
        transposed
        or input.dtype != weight.dtype
        or not input.is_contiguous()
        or not weight.is_contiguous()
    ):
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
        return None  # the input counts as channels last too, so torch decides the output's layout
    return empty((input.shape[0], weight.shape[0], *sizes), input.dtype)

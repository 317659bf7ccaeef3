"""Gradients of pooling."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Size

from ...core.ops import Ops
from ..builtin import formula
from ..pooling import taps_of, window_sums


@formula("aten::max_pool2d_with_indices_backward", kind="gradient")
@formula("aten::max_pool3d_with_indices_backward", kind="gradient")
@formula("aten::max_pool2d_backward", kind="gradient")
@formula("aten::mkldnn_max_pool2d_backward", kind="gradient")
@formula("aten::mkldnn_max_pool3d_backward", kind="gradient")
@formula("aten::adaptive_max_pool2d_backward", kind="gradient")
@formula("aten::adaptive_max_pool3d_backward", kind="gradient")
@formula("aten::fractional_max_pool2d_backward", kind="gradient")
@formula("aten::fractional_max_pool3d_backward", kind="gradient")
def max_pool_backward(grad_output: Size) -> Ops:
    """[N, C, *I] = each value of [N, C, *O], added at the maximum of its window: an add each."""
    return Ops(adds=prod(grad_output))


@formula("aten::avg_pool2d_backward", kind="gradient")
def avg_pool2d_backward(grad_output: Size, kernel_size: Sequence[int]) -> Ops:
    """[N, C, *I] = each value of [N, C, *O], divided and added to all elements of its window.

    Per value a division and kh * kw adds.
    """
    return Ops(adds=taps_of(kernel_size, 2), specials=1) * prod(grad_output)


@formula("aten::avg_pool3d_backward", kind="gradient")
def avg_pool3d_backward(grad_output: Size, kernel_size: Sequence[int]) -> Ops:
    """[N, C, *I] = each value of [N, C, *O], divided and added to all elements of its window.

    Per value a division and kd * kh * kw adds.
    """
    return Ops(adds=taps_of(kernel_size, 3), specials=1) * prod(grad_output)


@formula("aten::_adaptive_avg_pool2d_backward", kind="gradient")
@formula("aten::mkldnn_adaptive_avg_pool2d_backward", kind="gradient")
def adaptive_avg_pool2d_backward(grad_output: Size, self: Size) -> Ops:
    """[N, C, *I] = each value of [N, C, *O], divided and added to all elements of its window.

    Per value a division, and an add per element of its window. Windows differ in size.
    """
    return Ops(adds=window_sums(self, grad_output, 2), specials=prod(grad_output))


@formula("aten::_adaptive_avg_pool3d_backward", kind="gradient")
def adaptive_avg_pool3d_backward(grad_output: Size, self: Size) -> Ops:
    """[N, C, *I] = each value of [N, C, *O], divided and added to all elements of its window.

    Per value a division, and an add per element of its window. Windows differ in size.
    """
    return Ops(adds=window_sums(self, grad_output, 3), specials=prod(grad_output))

"""Gradients of interpolation, and of sampling at the points of a grid.

As in the forward, the positions and weights of the taps are not counted: they are computed per row
and column, or per point of a grid, not per channel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from torch import Size

from ...core.ops import NOTHING, Ops
from ..arithmetic import matmul
from ..builtin import formula
from ..resampling import ANTIALIASED, antialiased_taps


def spread(outputs: int, taps: int) -> Ops:
    """Each of ``outputs`` values, weighted and added to its taps: a mul and an add per tap."""
    return Ops(adds=taps, muls=taps) * outputs


def _spread_back(taps: int) -> Callable[..., Ops]:
    """A formula for the gradient of an interpolation with ``taps`` taps per output."""

    def spread_back(grad_output: Size) -> Ops:
        """[N, C, *I] = each value of [N, C, *O], weighted and added to its taps.

        A mul and an add per tap.
        """
        return spread(prod(grad_output), taps)

    return spread_back


for _name, _taps in (("linear1d", 2), ("bilinear2d", 4), ("trilinear3d", 8), ("bicubic2d", 16)):
    formula(f"aten::upsample_{_name}_backward", kind="gradient")(_spread_back(_taps))


@formula("aten::upsample_nearest1d_backward", kind="gradient")
@formula("aten::upsample_nearest2d_backward", kind="gradient")
@formula("aten::upsample_nearest3d_backward", kind="gradient")
@formula("aten::_upsample_nearest_exact1d_backward", kind="gradient")
@formula("aten::_upsample_nearest_exact2d_backward", kind="gradient")
@formula("aten::_upsample_nearest_exact3d_backward", kind="gradient")
def upsample_nearest_backward(grad_output: Size) -> Ops:
    """[N, C, *I] = each value of [N, C, *O] added to its nearest neighbour: an add per value."""
    return Ops(adds=prod(grad_output))


def _antialiased_back(radius: int) -> Callable[..., Ops]:
    """A formula for the gradient of antialiased interpolation with a kernel of this radius."""

    def antialiased_back(grad_output: Size, input_size: Sequence[int], align_corners: bool) -> Ops:
        """[N, C, *I] = each value of [N, C, *O], weighted and added to its taps, in one pass.

        Its taps are those along the height times those along the width. A mul and an add per tap.
        """
        taps = 1
        for size, outputs in zip(input_size[-2:], grad_output[-2:], strict=True):
            taps *= antialiased_taps(size, outputs, radius, align_corners)
        return spread(prod(grad_output[:-2]), taps)

    return antialiased_back


for _name, _radius in ANTIALIASED.items():
    formula(f"aten::_upsample_{_name}2d_aa_backward", kind="gradient")(_antialiased_back(_radius))


def sampler_backward(outputs: int, taps: int, axes: int, *, of_input: bool) -> Ops:
    """Gradients of ``outputs`` weighted sums of ``taps`` values at points with ``axes`` axes.

    - The input's: each value, weighted and added to its taps.
    - The grid's, per axis: the derivatives of the weights times the taps, which is ``taps`` muls
      and ``taps`` - 1 adds. A mul with the incoming gradient, and an add over the channels.

    The kernels compute the gradient of the grid in any case.
    """
    ops = Ops(adds=taps, muls=taps + 1) * (axes * outputs)
    return ops + spread(outputs, taps) if of_input else ops


@formula("aten::grid_sampler_2d_backward", kind="gradient")
def grid_sampler_2d_backward(
    grad_output: Size, interpolation_mode: int, output_mask: Sequence[bool]
) -> Ops:
    """[N, C, *I], [N, H, W, 2] = gradients of [N, C, *I] sampled at [N, H, W, 2].

    By ``interpolation_mode``: bilinear (0) 4 taps, nearest (1) an add per value, bicubic (2)
    16 taps. See ``sampler_backward``.
    """
    return _grid_backward(grad_output, {0: 4, 2: 16}.get(interpolation_mode), output_mask[0])


@formula("aten::grid_sampler_3d_backward", kind="gradient")
def grid_sampler_3d_backward(
    grad_output: Size, interpolation_mode: int, output_mask: Sequence[bool]
) -> Ops:
    """[N, C, *I], [N, D, H, W, 3] = gradients of [N, C, *I] sampled at [N, D, H, W, 3].

    By ``interpolation_mode``: trilinear (0) 8 taps, nearest (1) an add per value. See
    ``sampler_backward``.
    """
    return _grid_backward(grad_output, {0: 8}.get(interpolation_mode), output_mask[0])


@formula("aten::_grid_sampler_2d_cpu_fallback_backward", kind="gradient")
def grid_sampler_fallback_backward(grad_output: Size, interpolation_mode: int) -> Ops:
    """[N, C, *I], [N, H, W, 2] = gradients of [N, C, *I] sampled at [N, H, W, 2], always both."""
    return _grid_backward(grad_output, {0: 4, 2: 16}.get(interpolation_mode), True)


@formula("aten::cudnn_grid_sampler_backward", kind="gradient")
def cudnn_grid_sampler_backward(grad_output: Size) -> Ops:
    """[N, C, *I], [N, H, W, 2] = gradients of [N, C, *I] sampled at [N, H, W, 2], bilinear."""
    return _grid_backward(grad_output, 4, True)


def _grid_backward(grad_output: Size, taps: int | None, of_input: bool) -> Ops:
    """Without ``taps`` a value has one neighbour: an add each. The grid's gradient is zero."""
    outputs, axes = prod(grad_output), len(grad_output) - 2
    if taps is None:
        return Ops(adds=outputs) if of_input else NOTHING
    return sampler_backward(outputs, taps, axes, of_input=of_input)


@formula("aten::cudnn_affine_grid_generator_backward", kind="gradient")
def cudnn_affine_grid_generator_backward(grad: Size) -> Ops:
    """[N, 2, 3] = the homogeneous points of the grid, [N, 3, H * W] @ [N, H * W, 2], transposed."""
    return matmul(3, prod(grad[1:-1]), grad[-1], grad[0])

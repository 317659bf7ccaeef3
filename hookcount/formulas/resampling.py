"""Resampling: interpolation to another size, and sampling at the points of a grid.

What is counted are the weighted taps: each output is a sum of taps values times their weights. Where the taps lie, and with
which weights, is worked out per row and per column (per point of a grid), not per channel, and is left out. A nearest
neighbour is a gather: free.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from torch import Size, nn

from ..core.ops import NOTHING, Ops
from .arithmetic import matmul
from .builtin import formula, free, observed


def weighted_taps(outputs: int, taps: int) -> Ops:
    """A weighted sum of ``taps`` values per output: taps muls and taps - 1 adds."""
    return Ops(adds=outputs * (taps - 1), muls=outputs * taps)


@formula("aten::upsample_linear1d", kind="resampling")
def upsample_linear1d(out: Size) -> Ops:
    """[N, C, O] = linear([N, C, I]): 2 taps."""
    return weighted_taps(prod(out), 2)


@formula("aten::upsample_bilinear2d", kind="resampling")
def upsample_bilinear2d(out: Size) -> Ops:
    """[N, C, *O] = bilinear([N, C, *I]): 4 taps."""
    return weighted_taps(prod(out), 4)


@formula("aten::upsample_trilinear3d", kind="resampling")
def upsample_trilinear3d(out: Size) -> Ops:
    """[N, C, *O] = trilinear([N, C, *I]): 8 taps."""
    return weighted_taps(prod(out), 8)


@formula("aten::upsample_bicubic2d", kind="resampling")
def upsample_bicubic2d(out: Size) -> Ops:
    """[N, C, *O] = bicubic([N, C, *I]): 16 taps."""
    return weighted_taps(prod(out), 16)


def _antialiased(radius: int) -> Callable[..., Ops]:
    """Interpolation of a kernel of this radius in input positions, stretched by the scale where the image shrinks.

    Two passes, first along the width, then along the height of what the first left. Output i is the weighted sum of the
    inputs within radius * max(scale, 1) of its centre (i + 1/2) * scale, those beyond the edge cut off.
    """

    def antialiased(self: Size, align_corners: bool, out: Size) -> Ops:
        """[N, C, *O] = interpolate([N, C, *I]), antialiased: a mul per tap, an add per tap but the first, in two passes."""
        (rows, columns), planes = out[-2:], prod(out[:-2])
        height, width = self[-2:]
        across = _axis(width, columns, radius, align_corners)
        down = _axis(height, rows, radius, align_corners)
        return (across * height + down * columns) * planes

    return antialiased


def _axis(size: int, outputs: int, radius: int, align_corners: bool) -> Ops:
    """One line resampled from ``size`` to ``outputs`` values."""
    corners = align_corners and outputs > 1
    scale = (size - 1) / (outputs - 1) if corners else size / outputs
    support = radius * max(scale, 1.0)
    ops = NOTHING
    for i in range(outputs):
        centre = scale * (i + 0.5)
        first = max(int(centre - support + 0.5), 0)
        taps = min(int(centre + support + 0.5), size) - first
        ops = ops + weighted_taps(1, max(taps, 1))
    return ops


for _name, _radius in (("bilinear", 1), ("bicubic", 2), ("lanczos", 3)):
    formula(f"aten::_upsample_{_name}2d_aa", kind="resampling")(_antialiased(_radius))


@formula("aten::grid_sampler_2d", kind="sampling")
@formula("aten::_grid_sampler_2d_cpu_fallback", kind="sampling")
def grid_sampler_2d(interpolation_mode: int, out: Size) -> Ops:
    """[N, C, H, W] = [N, C, *I] sampled at [N, H, W, 2]: 4 taps if bilinear (0), a gather if nearest (1), 16 if bicubic (2)."""
    return (
        NOTHING
        if interpolation_mode == 1
        else weighted_taps(prod(out), {0: 4, 2: 16}[interpolation_mode])
    )


@formula("aten::grid_sampler_3d", kind="sampling")
def grid_sampler_3d(interpolation_mode: int, out: Size) -> Ops:
    """[N, C, D, H, W] = [N, C, *I] sampled at [N, D, H, W, 3]: 8 taps if bilinear (0), a gather if nearest (1)."""
    return NOTHING if interpolation_mode == 1 else weighted_taps(prod(out), 8)


@formula("aten::cudnn_grid_sampler", kind="sampling")
def cudnn_grid_sampler(out: Size) -> Ops:
    """[N, C, H, W] = [N, C, *I] sampled at [N, H, W, 2]: 4 taps."""
    return weighted_taps(prod(out), 4)


@formula("aten::affine_grid_generator", kind="resampling")
def affine_grid_generator(theta: Size, out: Size) -> Ops:
    """[N, *S, d] = theta [N, d, d + 1] @ the homogeneous points of the grid: prod(S) products of d by d + 1 per sample."""
    return matmul(prod(out[1:-1]), theta[2], theta[1], theta[0])


@formula("aten::cudnn_affine_grid_generator", kind="resampling")
def cudnn_affine_grid_generator(theta: Size, out: Size) -> Ops:
    """[N, H, W, 2] = theta [N, 2, 3] @ the homogeneous points of the grid."""
    return matmul(prod(out[1:-1]), theta[2], theta[1], theta[0])


def _spread_back(taps: int) -> Callable[..., Ops]:
    def spread_back(grad_output: Size) -> Ops:
        """[N, C, *I] = each value of [N, C, *O], weighted, added to its taps: a mul and an add for each."""
        return Ops(adds=taps, muls=taps) * prod(grad_output)

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
    """[N, C, *I] = each value of [N, C, *O] added to the one value it was taken from: an add."""
    return Ops(adds=prod(grad_output))


free(
    f"aten::{name}{axes}d"
    for name in ("upsample_nearest", "_upsample_nearest_exact")
    for axes in (1, 2, 3)
)
observed([nn.Upsample, nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d])

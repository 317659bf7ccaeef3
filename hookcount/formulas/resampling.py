"""Resampling: interpolation to another size, and sampling at the points of a grid.

Each output is a weighted sum of input values, called taps. These sums are counted. Not counted are
the positions and weights of the taps: they are computed per row and column, or per point of a grid,
not per channel. A nearest neighbour is a gather, which is free.

In the equations N is the batch, C are the channels, I the input sizes, O the output sizes.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from torch import Size, nn

from ..core.ops import NOTHING, Ops
from .arithmetic import matmul
from .builtin import formula, free, observed


def weighted_taps(outputs: int, taps: int) -> Ops:
    """[outputs] = a weighted sum of ``taps`` values: taps muls and taps - 1 adds per output."""
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
    """A formula for antialiased interpolation with a kernel of this radius, in input positions.

    There are two passes, first along the width, then along the height of the first result. Output i
    is the weighted sum of the inputs within radius * max(scale, 1) of its centre (i + 1/2) * scale.
    So the kernel is stretched where the image shrinks. Taps beyond the edge are not counted.
    """

    def antialiased(self: Size, align_corners: bool, out: Size) -> Ops:
        """[N, C, *O] = interpolate([N, C, *I]), antialiased, in two passes.

        A mul per tap, and an add per tap except the first.
        """
        (rows, columns), planes = out[-2:], prod(out[:-2])
        height, width = self[-2:]
        across = antialiased_taps(width, columns, radius, align_corners)
        down = antialiased_taps(height, rows, radius, align_corners)
        muls = across * height + down * columns
        adds = (across - columns) * height + (down - rows) * columns
        return Ops(adds=adds * planes, muls=muls * planes)

    return antialiased


def antialiased_taps(size: int, outputs: int, radius: int, align_corners: bool) -> int:
    """The taps of all outputs of [outputs] = interpolate([size]), antialiased: a single line."""
    corners = align_corners and outputs > 1
    scale = (size - 1) / (outputs - 1) if corners else size / outputs
    support = radius * max(scale, 1.0)
    total = 0
    for i in range(outputs):
        centre = scale * (i + 0.5)
        first = max(int(centre - support + 0.5), 0)
        total += max(min(int(centre + support + 0.5), size) - first, 1)
    return total


ANTIALIASED = {"bilinear": 1, "bicubic": 2, "lanczos": 3}
"""By the kernel of an antialiased interpolation, its radius in input positions."""

for _name, _radius in ANTIALIASED.items():
    formula(f"aten::_upsample_{_name}2d_aa", kind="resampling")(_antialiased(_radius))


@formula("aten::grid_sampler_2d", kind="sampling")
@formula("aten::_grid_sampler_2d_cpu_fallback", kind="sampling")
def grid_sampler_2d(interpolation_mode: int, out: Size) -> Ops:
    """[N, C, H, W] = [N, C, *I] sampled at [N, H, W, 2].

    By ``interpolation_mode``: bilinear (0) 4 taps, nearest (1) a gather, bicubic (2) 16 taps.
    """
    return (
        NOTHING
        if interpolation_mode == 1
        else weighted_taps(prod(out), {0: 4, 2: 16}[interpolation_mode])
    )


@formula("aten::grid_sampler_3d", kind="sampling")
def grid_sampler_3d(interpolation_mode: int, out: Size) -> Ops:
    """[N, C, D, H, W] = [N, C, *I] sampled at [N, D, H, W, 3].

    By ``interpolation_mode``: trilinear (0) 8 taps, nearest (1) a gather.
    """
    return NOTHING if interpolation_mode == 1 else weighted_taps(prod(out), 8)


@formula("aten::cudnn_grid_sampler", kind="sampling")
def cudnn_grid_sampler(out: Size) -> Ops:
    """[N, C, H, W] = [N, C, *I] sampled at [N, H, W, 2]: 4 taps."""
    return weighted_taps(prod(out), 4)


@formula("aten::affine_grid_generator", kind="resampling")
def affine_grid_generator(theta: Size, out: Size) -> Ops:
    """[N, *S, d] = theta [N, d, d + 1] @ the homogeneous points of the grid.

    Per sample prod(S) products of d by d + 1. Making the points is not counted.
    """
    return matmul(prod(out[1:-1]), theta[2], theta[1], theta[0])


@formula("aten::cudnn_affine_grid_generator", kind="resampling")
def cudnn_affine_grid_generator(theta: Size, out: Size) -> Ops:
    """[N, H, W, 2] = theta [N, 2, 3] @ the homogeneous points of the grid.

    Per sample H * W products of 2 by 3. Making the points is not counted.
    """
    return matmul(prod(out[1:-1]), theta[2], theta[1], theta[0])


free(
    f"aten::{name}{axes}d"
    for name in ("upsample_nearest", "_upsample_nearest_exact")
    for axes in (1, 2, 3)
)
observed([nn.Upsample, nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d])

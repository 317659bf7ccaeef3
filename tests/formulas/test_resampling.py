"""Resampling: taps written out, and modules observed."""

import pytest
import torch
from helpers.against_ops import by_formula, by_ops
from torch import nn
from torch.nn import functional as F

from hookcount import Ops


class Call(nn.Module):
    """A module that calls a function."""

    def __init__(self, function, **options):
        super().__init__()
        self.function, self.options = function, options

    def forward(self, *args):
        return self.function(*args, **self.options)


@pytest.mark.parametrize(
    ("mode", "axes", "taps"),
    [("linear", 1, 2), ("bilinear", 2, 4), ("bicubic", 2, 16), ("trilinear", 3, 8)],
)
def test_interpolation_is_a_weighted_sum_of_taps(mode, axes, taps):
    outputs = 2 * 3 * 8**axes
    found = by_formula(nn.Upsample(scale_factor=2, mode=mode), torch.rand(2, 3, *[4] * axes))
    assert found == Ops(muls=outputs * taps, adds=outputs * (taps - 1))


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_nearest_is_free(mode, axes):
    assert (
        by_formula(nn.Upsample(scale_factor=2, mode=mode), torch.rand(2, 3, *[4] * axes)) == Ops()
    )


def test_older_classes():
    assert by_formula(nn.UpsamplingNearest2d(scale_factor=2), torch.rand(1, 2, 3, 3)) == Ops()
    assert by_formula(nn.UpsamplingBilinear2d(scale_factor=2), torch.rand(1, 2, 3, 3)) == Ops(
        muls=72 * 4, adds=72 * 3
    )


@pytest.mark.parametrize(("mode", "taps"), [("bilinear", 4), ("bicubic", 16)])
def test_grid_sample(mode, taps):
    outputs = 2 * 3 * 4 * 6
    found = by_ops(
        Call(F.grid_sample, mode=mode, align_corners=False),
        torch.rand(2, 3, 5, 5),
        torch.rand(2, 4, 6, 2),
    )
    assert found == Ops(muls=outputs * taps, adds=outputs * (taps - 1))


def test_grid_sample_nearest_is_free_and_in_space_has_eight_taps():
    grid, given_ = torch.rand(1, 2, 2, 2, 3), torch.rand(1, 3, 4, 4, 4)
    assert by_ops(Call(F.grid_sample, mode="nearest", align_corners=False), given_, grid) == Ops()
    assert by_ops(Call(F.grid_sample, align_corners=False), given_, grid) == Ops(
        muls=3 * 8 * 8, adds=3 * 8 * 7
    )


def test_affine_grid_is_a_product_with_homogeneous_points():
    plane = Call(F.affine_grid, size=(2, 3, 4, 5), align_corners=False)
    assert by_ops(plane, torch.rand(2, 2, 3)) == Ops(macs=2 * 4 * 5 * 2 * 3)
    space = Call(F.affine_grid, size=(2, 3, 4, 5, 6), align_corners=False)
    assert by_ops(space, torch.rand(2, 3, 4)) == Ops(macs=2 * 4 * 5 * 6 * 3 * 4)


def test_antialiasing_widens_the_kernel_where_the_image_shrinks():
    # 8 onto 4: each output's triangle spans 2 inputs to each side of its centre 1, 3, 5, 7, cut off
    # at the edges: 3, 4, 4, 3 taps
    shrunk = by_ops(
        Call(F.interpolate, size=(4, 4), mode="bilinear", antialias=True), torch.rand(1, 1, 8, 8)
    )
    taps = 3 + 4 + 4 + 3
    assert shrunk == Ops(muls=8 * taps + 4 * taps, adds=(8 + 4) * (taps - 4))


def test_antialiasing_an_enlarged_image_keeps_the_kernel():
    # 4 onto 8: centres at 0.25, 0.75, ...: one input at either edge, two elsewhere
    enlarged = by_ops(
        Call(F.interpolate, size=(8, 8), mode="bilinear", antialias=True), torch.rand(1, 1, 4, 4)
    )
    taps = 1 + 6 * 2 + 1
    assert enlarged == Ops(muls=(4 + 8) * taps, adds=(4 + 8) * (taps - 8))

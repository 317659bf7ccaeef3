"""Gradients of resampling: taps counted where the forward has them, and points of a grid."""

import pytest
import torch
from helpers.asked import ask
from helpers.counted import Tally
from torch import Size
from torch.nn import functional as F

from hookcount import Ops


def test_backward_spreads_each_gradient_over_its_taps():
    grad, given = Size((1, 2, 6, 6)), (1, 2, 3, 3)
    expected = Ops(muls=72 * 4, adds=72 * 4)
    assert ask("aten::upsample_bilinear2d_backward", grad, (6, 6), given, False) == expected
    assert ask("aten::upsample_nearest2d_backward", grad, (6, 6), given) == Ops(adds=72)


@pytest.mark.parametrize(
    ("mode", "size"), [("bilinear", (3, 4)), ("bilinear", (5, 10)), ("bicubic", (3, 4))]
)
def test_antialiased_taps_are_those_of_the_forward(mode, size):
    """Each element of the Jacobian that is not 0 is a tap."""
    x = torch.rand(7, 7, dtype=torch.double)

    def resized(x):
        return F.interpolate(x[None, None], size, mode=mode, antialias=True)

    jacobian = torch.autograd.functional.jacobian(resized, x)
    taps = jacobian.count_nonzero().item()
    grad = Size((2, 3, *size))
    op = f"aten::_upsample_{mode}2d_aa_backward"
    found = ask(op, grad, size, (2, 3, 7, 7), False)
    assert found == Ops(adds=6 * taps, muls=6 * taps)


def of_a_point(tally, taps, weights, slopes, grads, made):
    """The gradients at a point: of its taps in all channels, into ``made``, and by each axis."""
    found = [tally.of(0) for _ in slopes]
    for channel, g in enumerate(grads):
        for axis, slope in enumerate(slopes):
            products = [w * v for w, v in zip(slope, taps[channel], strict=True)]
            total = products[0]
            for each in products[1:]:
                total = total + each
            found[axis] = found[axis] + total * g
        made[channel] = [m + w * g for m, w in zip(made[channel], weights, strict=True)]
    return found


def test_a_point_of_a_grid():
    x = torch.rand(1, 3, 2, 2, dtype=torch.double, requires_grad=True)
    grid = torch.tensor([[[[0.2, -0.3]]]], dtype=torch.double, requires_grad=True)
    out = F.grid_sample(x, grid, align_corners=True)
    grad = torch.rand(out.shape, dtype=torch.double)
    of_x, of_grid = torch.autograd.grad(out, [x, grid], grad)

    right, down = 0.6, 0.35  # of the way from one corner to the other
    tally = Tally()
    weights = [(1 - right) * (1 - down), right * (1 - down), (1 - right) * down, right * down]
    across, along = [-(1 - down), 1 - down, -down, down], [-(1 - right), -right, 1 - right, right]
    taps = [[tally.of(each) for each in plane.flatten().tolist()] for plane in x[0]]
    made = [[tally.of(0)] * 4 for _ in range(3)]
    given = [tally.of(each) for each in grad.flatten().tolist()]
    weights, across, along = (list(tally.of(*each)) for each in (weights, across, along))
    found = of_a_point(tally, taps, weights, [across, along], given, made)
    # from [-1, 1] to [0, 1]: half, per point
    assert [each.value / 2 for each in found] == pytest.approx(of_grid.flatten().tolist())
    values = [each.value for plane in made for each in plane]
    assert values == pytest.approx(of_x.flatten().tolist())

    op, shapes = "aten::grid_sampler_2d_backward", (out.shape, x.shape, grid.shape)
    assert ask(op, *shapes, 0, 0, True, (True, True)) == tally.ops
    only_grid = ask(op, *shapes, 0, 0, True, (False, True))
    assert tally.ops == only_grid + Ops(adds=3 * 4, muls=3 * 4)
    assert ask("aten::cudnn_grid_sampler_backward", x.shape, grid.shape, out.shape) == tally.ops
    fallback = "aten::_grid_sampler_2d_cpu_fallback_backward"
    assert ask(fallback, *shapes, 0, 0, True) == tally.ops


def test_other_modes_of_a_grid():
    grad, given, grid = Size((2, 3, 5, 5)), Size((2, 3, 8, 8)), Size((2, 5, 5, 2))
    values = 2 * 3 * 5 * 5
    op = "aten::grid_sampler_2d_backward"
    nearest = ask(op, grad, given, grid, 1, 0, True, (True, True))
    assert nearest == Ops(adds=values)
    assert ask(op, grad, given, grid, 1, 0, True, (False, True)) == Ops()
    bicubic = ask(op, grad, given, grid, 2, 0, True, (True, True))
    assert bicubic == Ops(adds=16 + 2 * 16, muls=16 + 2 * 17) * values
    grad, given, grid = Size((2, 3, 5, 5, 5)), Size((2, 3, 8, 8, 8)), Size((2, 5, 5, 5, 3))
    found = ask("aten::grid_sampler_3d_backward", grad, given, grid, 0, 0, True, (True, True))
    assert found == Ops(adds=8 + 3 * 8, muls=8 + 3 * 9) * (2 * 3 * 5**3)


def test_the_gradient_of_the_grid_is_always_computed():
    """So it is counted where only the input requires grad."""
    x, grid = torch.rand(1, 1, 4, 4), torch.rand(1, 3, 3, 2) - 0.5
    op = torch.ops.aten.grid_sampler_2d_backward
    _, found = op(torch.ones(1, 1, 3, 3), x, grid, 0, 0, False, [True, False])
    assert found.count_nonzero() == found.numel()


def test_an_affine_grid():
    grad = Size((2, 5, 7, 2))
    found = ask("aten::cudnn_affine_grid_generator_backward", grad, 2, 3, 5, 7)
    assert found == Ops(macs=2 * 3 * (5 * 7) * 2)

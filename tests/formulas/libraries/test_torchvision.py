"""torchvision's ops and layers: figures written out, and the layers observed."""

import pytest
import torch
from helpers.against_ops import by_formula, by_ops
from helpers.asked import ask
from torch import Size, nn

from hookcount import Counter, Ops, Training
from hookcount.formulas.libraries import torchvision as vision
from hookcount.rules.registry import OBSERVED
from hookcount.rules.resolver import Resolver

ops = pytest.importorskip("torchvision.ops")
TAPS = Ops(muls=4, adds=3)


class Suppression(nn.Module):
    """``torchvision.ops.nms`` as a module."""

    def forward(self, boxes, scores):
        return ops.nms(boxes, scores, 0.5)


def test_deformable_convolution_is_a_convolution_of_bilinear_samples():
    module = ops.DeformConv2d(4, 6, 3, groups=2)
    args = torch.rand(2, 4, 7, 7), torch.zeros(2, 2 * 9, 5, 5)
    samples = 2 * 4 * 9 * 5 * 5
    plain = Ops(macs=2 * 6 * 5 * 5 * 2 * 9, adds=2 * 6 * 5 * 5) + TAPS * samples
    assert by_formula(module, *args) == plain
    assert by_formula(module, *args, torch.rand(2, 9, 5, 5)) == plain + Ops(muls=samples)


def test_region_align_averages_bilinear_samples():
    regions = torch.tensor([[0, 1, 1, 5, 5.0], [0, 0, 0, 7, 7.0]])
    outputs = 2 * 3 * 2 * 2
    expected = TAPS * (outputs * 4) + Ops(adds=3, specials=1) * outputs
    assert by_formula(ops.RoIAlign(2, 1.0, 2), torch.rand(1, 3, 8, 8), regions) == expected
    assert by_formula(ops.PSRoIAlign(2, 1.0, 2), torch.rand(1, 12, 8, 8), regions) == expected


def test_region_align_without_a_fixed_grid_takes_a_region_as_large_as_the_map():
    # 8 onto 2: 4 x 4 samples in a bin
    outputs = 1 * 3 * 2 * 2
    found = by_formula(
        ops.RoIAlign(2, 1.0, -1), torch.rand(1, 3, 8, 8), torch.tensor([[0, 1, 1, 5, 5.0]])
    )
    assert found == TAPS * (outputs * 16) + Ops(adds=15, specials=1) * outputs


def test_region_pools():
    regions = torch.tensor([[0, 1, 1, 5, 5.0]])
    assert by_formula(ops.RoIPool(2, 1.0), torch.rand(1, 3, 8, 8), regions) == Ops(compares=12 * 15)
    assert by_formula(ops.PSRoIPool(2, 1.0), torch.rand(1, 12, 8, 8), regions) == Ops(
        adds=12 * 15, specials=12
    )


def test_suppression_is_a_sort_areas_and_pairs():
    # 5 boxes: a sort of 5 * 3 compares; areas of 2 + 1; 10 pairs of 4 adds, a mul, 7 compares, a
    # division
    expected = (
        Ops(compares=15)
        + Ops(adds=2, muls=1) * 5
        + Ops(adds=4, muls=1, compares=7, specials=1) * 10
    )
    assert by_ops(Suppression(), torch.rand(5, 4), torch.rand(5)) == expected
    assert ask(vision.nms, Size((0, 4)), Size((0,)), 0.5, out=None) == Ops()


class Summed(nn.Module):
    """The sum of a layer's output on a map that requires grad."""

    def __init__(self, layer, *rest):
        super().__init__()
        self.layer, self.rest = layer, rest

    def forward(self, x):
        return self.layer(x, *self.rest)


def backward_of(layer, size, *rest):
    """The backward pass of a layer, which has no gradient but those of itself and of its input."""
    reports = [
        Training(counter=Counter(run=run)).count(
            Summed(layer, *rest), torch.rand(size, requires_grad=True)
        )
        for run in ("real", "shapes")
    ]
    assert [each.run for each in reports] == ["real", "shapes"]
    assert [each.step.uncounted for each in reports] == [(), ()]
    assert reports[0].backward.total == reports[1].backward.total
    return reports[0].backward.total


REGIONS = torch.tensor([[0, 1, 1, 5, 5.0], [0, 0, 0, 7, 7.0]])


def test_backward_of_region_align():
    outputs = 2 * 3 * 2 * 2
    expected = Ops(adds=4, muls=4) * (outputs * 4) + Ops(specials=outputs)
    assert backward_of(ops.RoIAlign(2, 1.0, 2), (1, 3, 8, 8), REGIONS) == expected
    assert backward_of(ops.PSRoIAlign(2, 1.0, 2), (1, 12, 8, 8), REGIONS) == expected
    # without a fixed grid 8 onto 2: 4 x 4 samples in a bin
    found = backward_of(ops.RoIAlign(2, 1.0, -1), (1, 3, 8, 8), REGIONS)
    assert found == Ops(adds=4, muls=4) * (outputs * 16) + Ops(specials=outputs)


def test_backward_of_region_pools():
    outputs = 2 * 3 * 2 * 2
    assert backward_of(ops.RoIPool(2, 1.0), (1, 3, 8, 8), REGIONS) == Ops(adds=outputs)
    found = backward_of(ops.PSRoIPool(2, 1.0), (1, 12, 8, 8), REGIONS)
    assert found == Ops(adds=16, specials=1) * outputs


def test_backward_of_deformable_convolution():
    layer, offset = ops.DeformConv2d(4, 6, 3, groups=2), torch.zeros(2, 2 * 9, 5, 5)
    samples, outputs = 2 * 4 * 9 * 5 * 5, 2 * 6 * 5 * 5
    # two products; the samples again; their gradients to 4 taps; two axes of the offsets; the bias
    expected = Ops(macs=2 * outputs * 2 * 9, adds=outputs - 6) + TAPS * samples
    expected = expected + Ops(adds=4 + 2 * 4, muls=4 + 2 * 5) * samples
    assert backward_of(layer, (2, 4, 7, 7), offset) == expected
    masked = backward_of(layer, (2, 4, 7, 7), offset, torch.rand(2, 9, 5, 5))
    assert masked == expected + Ops(adds=1, muls=1 + 2) * samples


def test_frozen_batch_norm_is_priced_op_by_op():
    # per channel eps, rsqrt, scale, shift; then a mul and an add per element
    n = 2 * 3 * 16
    assert by_formula(ops.FrozenBatchNorm2d(3), torch.rand(2, 3, 4, 4)) == Ops(
        adds=n + 3 + 3, muls=n + 3 + 3, specials=2 * 3
    )


def test_every_layer_of_torchvision_is_known():
    from hookcount.formulas import BUILTIN

    resolver = Resolver(BUILTIN)
    classes = [
        each
        for each in vars(ops).values()
        if isinstance(each, type) and issubclass(each, nn.Module)
    ]
    assert len(classes) > 10
    for cls in classes:
        entry = resolver.module(object.__new__(cls))
        assert entry is not None, cls
        assert entry.price is OBSERVED or callable(entry.price)

"""Sparse convolution: a bound by the number of places."""

import pytest
import torch
from helpers.standins import named
from torch import nn

import hookcount
from hookcount import Ops


class SparseMap:
    def __init__(self, features):
        self._features, self.indices, self.spatial_shape = (
            features,
            torch.zeros(len(features), 4, dtype=torch.int32),
            [8, 8, 8],
        )


class SparseConvolution(nn.Module):
    def __init__(self, ci, co, kernel, places, bias=True):
        super().__init__()
        self.in_channels, self.out_channels, self.kernel_size, self.places = (
            ci,
            co,
            [kernel] * 3,
            places,
        )
        self.weight = nn.Parameter(torch.zeros(kernel, kernel, kernel, co, ci))
        self.bias = nn.Parameter(torch.zeros(co)) if bias else None

    def forward(self, input, add_input=None):
        return SparseMap(
            torch.from_numpy(input._features.numpy()[:1].repeat(self.places, 0).repeat(2, 1))
        )


@pytest.mark.parametrize(("places", "pairs"), [(20, 20), (8, 8), (30, 20)])
def test_sparse_convolution_is_bounded_by_the_fewer_places(places, pairs):
    cls = type(
        "SubMConv3d", (named("spconv.pytorch.conv.SparseConvolution", SparseConvolution),), {}
    )
    report = hookcount.Counter(run="real").count(cls(4, 8, 3, places), SparseMap(torch.rand(20, 4)))
    assert (report.total, report.uncounted) == (Ops(macs=27 * pairs * 4 * 8, adds=places * 8), ())

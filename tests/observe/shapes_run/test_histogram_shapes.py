"""The rules for histograms against the kernels of the CPU."""

import pytest
import torch
from helpers.kernels import same_as_the_kernel

aten = torch.ops.aten


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_histogram(dtype):
    x, edges = torch.rand(20, dtype=dtype), torch.linspace(0, 1, 7, dtype=dtype)
    assert same_as_the_kernel(aten.histogram.bin_ct, x, 5)
    assert same_as_the_kernel(aten.histogram.bin_ct, x, 5, range=[0.0, 1.0], weight=x, density=True)
    assert same_as_the_kernel(aten.histogram.bins_tensor, x, edges)


def test_a_histogram_of_points():
    x, edges = torch.rand(10, 3), [torch.linspace(0, 1, n) for n in (3, 4, 5)]
    assert same_as_the_kernel(aten._histogramdd_bin_edges.default, x, [2, 3, 4])
    assert same_as_the_kernel(aten._histogramdd_from_bin_cts.default, x, [2, 3, 4])
    assert same_as_the_kernel(aten._histogramdd_from_bin_tensors.default, x, edges)

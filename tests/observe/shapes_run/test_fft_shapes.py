"""The rules for Fourier transforms against the kernels of the CPU, stride by stride."""

import itertools

import pytest
import torch
from helpers.kernels import same_as_the_kernel

from hookcount.observe.shapes_run.output_shapes import output

aten = torch.ops.aten
SHAPE = (3, 4, 5)
LAYOUTS = {
    "contiguous": torch.ones(SHAPE),
    "last first": torch.ones(5, 3, 4).permute(1, 2, 0),
    "reversed": torch.ones(5, 4, 3).permute(2, 1, 0),
}
AXES = [axes for n in (1, 2, 3) for axes in itertools.permutations(range(3), n)]


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_transform(layout, axes):
    x, axes = LAYOUTS[layout], list(axes)
    spectrum = x.to(torch.complex64)
    for onesided in (False, True):
        assert same_as_the_kernel(aten._fft_r2c.default, x, axes, 0, onesided)
    assert same_as_the_kernel(aten._fft_c2c.default, spectrum, axes, 0, True)
    assert same_as_the_kernel(aten._fft_c2r.default, spectrum, axes, 0, 2 * (SHAPE[axes[-1]] - 1))


def test_another_device_has_torchs_own_shapes():
    x = torch.ones(SHAPE, device="meta")
    assert output("aten::_fft_r2c", False, (x, [0], 0, True), {}, torch.device("cuda")) is None
    assert output("aten::_fft_r2c", False, (x, [0], 0, True), {}).shape == (2, 4, 5)

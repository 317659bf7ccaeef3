"""Addresses of tensors in a shapes-only run."""

import ctypes

import pytest
import torch
from torch import nn

import hookcount
from hookcount import Counter


class ByAddress(nn.Module):
    """Doubles its input by a kernel that gets an address."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, x):
        y = self.linear(x).contiguous()
        values = (ctypes.c_float * y.numel()).from_address(y.data_ptr())
        for at in range(y.numel()):
            values[at] *= 2
        return y


@pytest.mark.parametrize("trains", [False, True])
def test_a_kernel_that_gets_an_address_runs_for_real(trains):
    model, x = ByAddress(), torch.randn(4, 8)
    with torch.no_grad():
        plain = model(x)
        report = hookcount.count(model, x)
        assert torch.equal(model(x), plain)
    if trains:
        report = hookcount.Training().count(model, x)
    assert report.run == "real"
    assert report.macs == 4 * 8 * 8


def test_a_run_on_shapes_says_what_it_needs():
    with pytest.raises(hookcount.DataNeededError, match=r"ByAddress.*address \(data_ptr\)"):
        Counter(run="shapes").count(ByAddress(), torch.randn(4, 8))


class Compares(nn.Module):
    """Asks only parameters for their addresses."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x):
        tied = self.a.weight.data_ptr() == self.b.weight.data_ptr()
        return self.a(x) if tied else self.b(self.a(x))


def test_a_parameter_has_its_address():
    report = Counter(run="shapes").count(Compares(), torch.randn(4, 8))
    assert report.macs == 2 * 4 * 8 * 8


def test_a_model_on_meta_gets_what_torch_gives():
    with torch.device("meta"):
        model, x = Compares(), torch.randn(4, 8)
    assert hookcount.count(model, x).macs == 4 * 8 * 8  # all addresses there are 0


def test_other_threads_have_addresses():
    from concurrent.futures import ThreadPoolExecutor

    x = torch.randn(8)

    class Asks(nn.Module):
        def forward(self, given):
            with ThreadPoolExecutor(1) as pool:
                return given * (pool.submit(x.data_ptr).result() == address)

    address = x.data_ptr()
    hookcount.count(Asks(), torch.randn(8))
    assert "data_ptr" not in vars(torch.Tensor)

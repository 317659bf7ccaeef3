"""Kernels that torch's dispatcher does not see: no count starts one without memory."""

import pytest
import torch
from gpu.equal import GPU
from torch import nn

import hookcount

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.filterwarnings("ignore::hookcount.UncountedWarning"),
]


@pytest.fixture
def doubled():
    """A kernel of Triton that gives twice a vector."""
    if GPU.type != "cuda":
        pytest.skip("of the kernels of a GPU")
    triton = pytest.importorskip("triton")
    from gpu.triton_kernel import double

    def run(x):
        out = torch.empty_like(x)
        double[(triton.cdiv(x.numel(), 128),)](x, out, x.numel(), size=128)
        return out

    return run


class Around(nn.Module):
    def __init__(self, call):
        super().__init__()
        self.linear, self.call = nn.Linear(8, 8), call

    def forward(self, x):
        return self.linear(self.call(self.linear(x)))


class Calls(nn.Module):
    def __init__(self, call):
        super().__init__()
        self.call = call

    def forward(self, x):
        return self.call(x)


def alive():
    torch.cuda.synchronize()
    assert torch.ones(3, device=GPU).sum().item() == 3


def test_a_kernel_of_triton(doubled):
    model, x = Around(doubled).to(GPU), torch.randn(4, 8, device=GPU)
    assert torch.equal(doubled(x), 2 * x)
    with torch.no_grad():
        report = hookcount.count(model, x)
    alive()
    assert report.run == "real"
    assert report.macs == 2 * 4 * 8 * 8


def test_a_kernel_of_triton_on_shapes(doubled):
    model, x = Around(doubled).to(GPU), torch.randn(4, 8, device=GPU)
    with pytest.raises(hookcount.DataNeededError, match="address"), torch.no_grad():
        hookcount.Counter(run="shapes").count(model, x)
    alive()


def test_a_kernel_of_jiterator():
    if GPU.type != "cuda":
        pytest.skip("of the kernels of a GPU")
    double = torch.cuda.jiterator._create_jit_fn("template <typename T> T d(T x) { return x + x; }")
    x = torch.randn(4, 8, device=GPU)
    with torch.no_grad():
        inside = hookcount.count(Around(double).to(GPU), x)
        first = hookcount.count(nn.Sequential(Calls(double), nn.Linear(8, 8)).to(GPU), x)
    alive()
    assert (inside.run, first.run) == ("real", "real")
    assert inside.macs == 2 * first.macs == 2 * 4 * 8 * 8

"""An ``out=`` that a shapes-only run resizes is laid out as the kernel of the CPU does it."""

import pytest
import torch
from helpers.kernels import facts
from torch import nn

import hookcount

SEEN = []  # a global variable, because a count puts closures back
X = torch.eye(4) + torch.ones(4, 4)
TRANSPOSED = torch.ones(3, 2, 4).permute(2, 0, 1)


def two(op):
    return lambda x: op(x, out=(x.new_empty(0), x.new_empty(0)))


def lu_of(x):
    pivots = torch.empty(0, dtype=torch.int32, device=x.device)
    return torch.linalg.lu_factor(x, out=(x.new_empty(0), pivots))


def norm_into(x):
    own = [x.new_ones(x.shape[1]) for _ in range(4)]
    outs = [x.new_empty(0) for _ in range(3)]
    return torch.ops.aten.native_batch_norm.out(
        x, *own, False, 0.1, 1e-5, out=outs[0], save_mean=outs[1], save_invstd=outs[2]
    )


def legit_norm_into(x):
    own = [x.new_ones(x.shape[1]) for _ in range(4)]
    outs = [x.new_empty(0) for _ in range(3)]
    return torch.ops.aten._native_batch_norm_legit.out(
        x, *own, True, 0.1, 1e-5, out=outs[0], save_mean=outs[1], save_invstd=outs[2]
    )


CASES = {
    "qr": (X, two(torch.linalg.qr)),
    "eigh": (X, two(torch.linalg.eigh)),
    "lu_factor": (X, lu_of),
    "conj_physical": (
        TRANSPOSED.to(torch.complex64),
        lambda x: torch.conj_physical(x, out=x.new_empty(0)),
    ),
    "add": (TRANSPOSED, lambda x: torch.add(x, 2, out=x.new_empty(0))),
    "fft": (
        TRANSPOSED,
        lambda x: torch.fft.rfft(x, dim=1, out=x.new_empty(0, dtype=torch.complex64)),
    ),
    "cat": (TRANSPOSED, lambda x: torch.cat([x, x], out=x.new_empty(0))),
    "batch norm": (X, norm_into),
    "a norm with out= only in torch's kernels": (X, legit_norm_into),
}


class Of(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x * 1)


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("name", CASES)
def test_an_empty_out(name, device):
    x, function = CASES[name]
    if name == "conj_physical" and torch.conj_physical(x.to("meta")).stride() != x.stride():
        pytest.skip("this torch has other strides on meta, also without out=")
    SEEN.clear()

    def noted(x):
        made = function(x)
        SEEN.append(facts(made))
        return made

    with torch.no_grad():
        for run, given in (("real", x), ("shapes", x.to(device))):
            hookcount.Counter(run=run).count(Of(noted), given)
    assert SEEN[0] == SEEN[-1]


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_an_out_of_the_right_shape_keeps_its_strides(device):
    def into(x):
        out = x.new_empty(4, 4)
        made = torch.linalg.qr(x, out=(out, x.new_empty(4, 4)))
        assert made[0] is out
        assert out.is_contiguous()
        return made

    with torch.no_grad():
        assert hookcount.count(Of(into), X.to(device)).run == "shapes"

"""Modules under transforms of functions: their ops pay, since a formula sees one example."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, stack_module_state, vmap
from torch.utils.flop_counter import FlopCounterMode

import hookcount

pytestmark = pytest.mark.filterwarnings("ignore::hookcount.UncountedWarning")
BATCH, INPUTS, OUTPUTS = 5, 8, 16


class Under(nn.Module):
    """Runs ``inner`` under a transform."""

    def __init__(self, inner, transform):
        super().__init__()
        self.inner = inner
        self.transform = transform

    def forward(self, x):
        return self.transform(self.inner, x)


class Ensemble(nn.Module):
    """The recipe of ``torch.func`` for several models at once."""

    def __init__(self, members):
        super().__init__()
        self.members = nn.ModuleList(nn.Linear(INPUTS, OUTPUTS, bias=False) for _ in range(members))

    def forward(self, x):
        params, buffers = stack_module_state(list(self.members))
        return vmap(self.of_one, (0, 0, None))(params, buffers, x)

    def of_one(self, params, buffers, x):
        return functional_call(self.members[0], (params, buffers), (x,))


def in_dual_numbers(module, x):
    with forward_ad.dual_level():
        return forward_ad.unpack_dual(module(forward_ad.make_dual(x, torch.ones_like(x)))).tangent


def linear():
    return nn.Linear(INPUTS, OUTPUTS, bias=False)


def small():
    return nn.Sequential(nn.Linear(INPUTS, OUTPUTS), nn.Tanh(), nn.Linear(OUTPUTS, 1))


PRODUCT = BATCH * INPUTS * OUTPUTS
BY_HAND = {
    "vmap": (linear, lambda m, x: vmap(m)(x), PRODUCT),
    "vmap of a convolution": (
        lambda: nn.Conv1d(1, 3, 2),
        lambda m, x: vmap(m)(x[:, None]),
        BATCH * 3 * (INPUTS - 1) * 2,
    ),
    "a block": (
        lambda: nn.TransformerEncoderLayer(INPUTS, 2, 16, batch_first=True).eval(),
        lambda m, x: vmap(m)(x[:, None, None]),
        # four projections, the attention of one token to itself, and the two other layers
        BATCH * (4 * INPUTS * INPUTS + 2 * INPUTS + 2 * INPUTS * 16),
    ),
    # one derivative by the input for each of the examples
    "vmap of grad": (linear, lambda m, x: vmap(grad(lambda y: m(y).sum()))(x), 2 * PRODUCT),
    # one for each output
    "jacrev": (
        linear,
        lambda m, x: jacrev(m)(x[0]),
        INPUTS * OUTPUTS + OUTPUTS * INPUTS * OUTPUTS,
    ),
}
BY_THE_OPS = {
    "jvp": (small, lambda m, x: jvp(m, (x,), (torch.ones_like(x),))[1]),
    "jacfwd": (small, lambda m, x: jacfwd(m)(x[0])),
    "hessian": (small, lambda m, x: hessian(lambda y: m(y).sum())(x[0])),
    "two levels": (small, lambda m, x: vmap(vmap(m))(x[None])),
    "dual numbers": (small, in_dual_numbers),
    "dropout": (
        lambda: nn.Sequential(linear(), nn.Dropout()),
        lambda m, x: vmap(m, randomness="different")(x),
    ),
    "attention": (
        lambda: nn.MultiheadAttention(INPUTS, 2).eval(),
        lambda m, x: vmap(lambda y: m(y, y, y)[0])(x[:, None]),
    ),
}
RUNS = ["auto", "real"]


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("name", BY_HAND)
def test_products(name, run):
    make, transform, macs = BY_HAND[name]
    report = hookcount.Counter(run=run).count(Under(make(), transform), torch.ones(BATCH, INPUTS))
    assert (report.macs, report.uncounted) == (macs, ())


@pytest.mark.parametrize("run", RUNS)
def test_an_ensemble(run):
    report = hookcount.Counter(run=run).count(Ensemble(3), torch.ones(BATCH, INPUTS))
    assert (report.macs, report.uncounted) == (3 * PRODUCT, ())


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("name", BY_THE_OPS)
def test_as_the_counter_of_torch(name, run):
    make, transform = BY_THE_OPS[name]
    model, x = Under(make(), transform), torch.ones(BATCH, INPUTS)
    tool = FlopCounterMode(display=False)
    # its own follows modules, and raises where one runs inside of grad
    tool.mod_tracker = SimpleNamespace(
        parents={"Global"}, __enter__=lambda: None, __exit__=lambda: None
    )
    with tool:
        model(x)
    report = hookcount.Counter(run=run).count(model, x)
    assert not report.uncounted
    assert report.under("torch").headline == tool.get_total_flops()
    assert report.macs == tool.get_total_flops() / 2


def test_a_convention_that_sees_no_op_names_the_module():
    report = hookcount.count(Under(linear(), lambda m, x: vmap(m)(x)), torch.ones(BATCH, INPUTS))
    under = report.under("thop")
    assert under.macs == 0
    assert [each.target for each in under.uncounted] == ["torch.nn.modules.linear.Linear"]


def test_no_formula_for_a_subtree_pays():
    model = Under(small(), lambda m, x: vmap(m)(x))
    registry = hookcount.Registry()
    registry.register(nn.Sequential, lambda out: hookcount.Ops(macs=1), covers="subtree")
    counter = hookcount.Counter(registry)
    x = torch.ones(BATCH, INPUTS)
    assert counter.count(model, x).macs == PRODUCT + BATCH * OUTPUTS
    assert counter.count(model.inner, x).macs == 1


def test_a_module_outside_of_the_transform_keeps_its_formula():
    model = Under(linear(), lambda m, x: (m(x), vmap(m)(x)))
    report = hookcount.count(model, torch.ones(BATCH, INPUTS))
    assert {each.target: each.ops.macs for each in report.records} == {
        "Linear": PRODUCT,
        "aten::mm": PRODUCT,
    }

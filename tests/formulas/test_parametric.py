"""Element-wise ops whose cost depends on an argument: 6 outputs times the figure, written out."""

import pytest
import torch
from helpers.asked import ask
from torch import Size

import hookcount
from hookcount import Ops
from hookcount.formulas import parametric

S = Size([2, 3])
N = 2 * 3


def price(target, *args, out=S, **kwargs):
    return ask(target, *args, out=out, **kwargs)


@pytest.mark.parametrize(
    ("other", "alpha", "muls"),
    [(S, 1, 0), (S, -1, 0), (S, 2, 1), (S, 0.5, 1), (3.0, 1, 0), (3.0, 2, 0)],
)
def test_add_scales_a_tensor_only_where_alpha_is_no_sign(other, alpha, muls):
    assert price("aten::add", S, other, alpha=alpha) == Ops(adds=N, muls=N * muls)
    assert price("aten::sub", S, other, alpha=alpha) == Ops(adds=N, muls=N * muls)


def test_rsub_scales_self():
    assert price("aten::rsub", S, 1) == Ops(adds=N)
    assert price("aten::rsub", S, 1, 2) == Ops(adds=N, muls=N)


@pytest.mark.parametrize(
    ("exponent", "muls", "specials"),
    [
        (0, 0, 0),
        (1, 0, 0),
        (2, 1, 0),
        (2.0, 1, 0),
        (3, 2, 0),
        (0.5, 0, 1),
        (-0.5, 0, 2),
        (-1, 0, 1),
        (-2, 1, 1),
        (4, 0, 1),
        (S, 0, 1),
    ],
)
def test_pow_by_exponent(exponent, muls, specials):
    assert price("aten::pow", S, exponent) == Ops(muls=N * muls, specials=N * specials)


def test_pow_of_a_number():
    assert price("aten::pow", 2, S) == Ops(specials=N)


def test_clamp_compares_per_bound():
    assert price("aten::clamp", S, 0) == Ops(compares=N)
    assert price("aten::clamp", S, None, 1) == Ops(compares=N)
    assert price("aten::clamp", S, 0, 1) == Ops(compares=2 * N)


def test_addcmul_and_addcdiv():
    assert price("aten::addcmul", S, S, S) == Ops(adds=N, muls=N)
    assert price("aten::addcmul", S, S, S, value=0.5) == Ops(adds=N, muls=2 * N)
    assert price("aten::addcdiv", S, S, S) == Ops(adds=N, specials=N)
    assert price("aten::addcdiv", S, S, S, value=0.5) == Ops(adds=N, muls=N, specials=N)


def test_lerp():
    assert price("aten::lerp", S, S, 0.1) == Ops(adds=2 * N, muls=N)


def test_div_with_a_rounding():
    assert price("aten::div", S, S) == Ops(specials=N)
    assert price("aten::div", S, S, rounding_mode="floor") == Ops(specials=2 * N)


def test_round_to_decimals():
    assert price("aten::round", S) == Ops(specials=N)
    assert price("aten::round", S, decimals=2) == Ops(muls=N, specials=2 * N)


def test_gelu_by_approximation():
    assert price("aten::gelu", S) == Ops(adds=N, muls=3 * N, specials=N)
    # x^3 2, k 1, add, c 1, tanh (2 adds, a mul, 2 specials), add, halve and times x 2
    assert price("aten::gelu", S, approximate="tanh") == Ops(
        adds=(1 + 2 + 1) * N, muls=(2 + 1 + 1 + 1 + 2) * N, specials=2 * N
    )


def test_softplus_by_beta():
    assert price("aten::softplus", S) == Ops(compares=N, specials=2 * N)
    assert price("aten::softplus", S, 2) == Ops(compares=N, muls=N, specials=3 * N)


@pytest.mark.parametrize(
    ("args", "muls"), [((), 0), ((2.0,), 1), ((1.67, 1.05), 1), ((2.0, 1, 0.5), 2)]
)
def test_elu_by_its_factors(args, muls):
    assert price("aten::elu", S, *args) == Ops(compares=N, muls=N * muls, specials=N)


def test_logit_clamps_with_eps():
    assert price("aten::logit", S) == Ops(adds=N, specials=2 * N)
    assert price("aten::logit", S, 1e-6) == Ops(adds=N, compares=2 * N, specials=2 * N)


def test_mvlgamma():
    assert price("aten::mvlgamma", S, 3) == Ops(adds=(2 + 3) * N, specials=3 * N)


@pytest.mark.parametrize(("alpha", "muls"), [(1.0, 0), (2.0, 2)])
def test_celu_is_elu_of_a_scaled_input(alpha, muls):
    """alpha expm1(x / alpha): a mul for each factor that is not 1."""
    assert price("aten::celu", S, alpha) == Ops(compares=N, muls=N * muls, specials=N)


def test_a_factor_that_is_a_tensor_is_always_a_multiplication():
    assert parametric.factors(1, 1.0, 2, Size([])) == 2
    assert price("aten::lerp", S, S, S) == price("aten::lerp", S, S, 0.1)


def test_costs_are_per_output_where_operands_are_broadcast():
    column, row, out = Size([4, 1]), Size([1, 5]), Size([4, 5])
    assert price("aten::add", column, row, out=out) == Ops(adds=4 * 5)
    assert price("aten::div", column, row, out=out) == Ops(specials=4 * 5)


X = torch.rand(2, 3)

SAME = {
    "square": (lambda x: x**2, lambda x: x * x),
    "cube": (lambda x: x**3, lambda x: x * x * x),
    "inverse": (lambda x: x**-1, lambda x: x.reciprocal()),
    "inverse of the square": (lambda x: x**-2, lambda x: (x * x).reciprocal()),
    "root": (lambda x: x**0.5, lambda x: x.sqrt()),
    "inverse of the root": (lambda x: x**-0.5, lambda x: x.sqrt().reciprocal()),
    "lerp": (lambda x: torch.lerp(x, x, 0.5), lambda x: x + 0.5 * (x - x)),
    "addcmul": (lambda x: torch.addcmul(x, x, x, value=0.5), lambda x: x + 0.5 * x * x),
    "addcdiv": (lambda x: torch.addcdiv(x, x, x, value=0.5), lambda x: x + 0.5 * x / x),
    "add": (lambda x: torch.add(x, x, alpha=3), lambda x: x + 3 * x),
    "rsub": (lambda x: torch.rsub(x, x, alpha=3), lambda x: x - 3 * x),
    "logit": (lambda x: torch.logit(x), lambda x: torch.log(x / (1 - x))),
    "clamped logit": (
        lambda x: torch.logit(x, 1e-3),
        lambda x: torch.logit(x.clamp(1e-3, 1 - 1e-3)),
    ),
    "decimals": (
        lambda x: torch.round(x, decimals=2),
        lambda x: torch.round(x * 100) / 100,
    ),
    "gelu": (
        lambda x: torch.nn.functional.gelu(x),
        lambda x: 0.5 * x * (1 + torch.erf(x * 0.5**0.5)),
    ),
    "softplus": (
        lambda x: torch.nn.functional.softplus(x, 2.0),
        lambda x: torch.where(x > 10.0, x, torch.log1p(torch.exp(x * 2.0)) / 2.0),
    ),
}
"""By name an op, and the same function of other ops, of which each is one operation per element."""


def total(function):
    class Model(torch.nn.Module):
        def forward(self, x):
            return function(x)

    return hookcount.Counter(run="real").count(Model(), X).total


@pytest.mark.parametrize("name", SAME)
def test_an_op_costs_what_the_same_function_costs_in_parts(name):
    op, parts = SAME[name]
    torch.testing.assert_close(op(X), parts(X))
    assert total(op) == total(parts)

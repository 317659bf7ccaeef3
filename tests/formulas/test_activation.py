"""Activation modules: figures written out, and modules against their ops."""

import pytest
import torch
from helpers.against_ops import assert_formula_matches_ops
from helpers.asked import ask
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Size, nn

from hookcount import Ops
from hookcount.formulas import BUILTIN
from hookcount.formulas.activation import FIGURE_OF
from hookcount.rules.resolver import Resolver

shapes = st.lists(st.integers(1, 5), min_size=1, max_size=4)
factors = st.sampled_from([0.5, 1.0, 2.0])
few = settings(max_examples=12, deadline=None)

PLAIN = (
    nn.Hardshrink,
    nn.Hardsigmoid,
    nn.Hardswish,
    nn.Hardtanh,
    nn.LeakyReLU,
    nn.LogSigmoid,
    nn.Mish,
    nn.PReLU,
    nn.ReLU,
    nn.ReLU6,
    nn.RReLU,
    nn.SELU,
    nn.SiLU,
    nn.Sigmoid,
    nn.Softshrink,
    nn.Softsign,
    nn.Tanh,
    nn.Tanhshrink,
)


IN_PLACE = (
    nn.ELU,
    nn.Hardsigmoid,
    nn.Hardswish,
    nn.Hardtanh,
    nn.LeakyReLU,
    nn.Mish,
    nn.ReLU,
    nn.ReLU6,
    nn.SELU,
    nn.SiLU,
)


@pytest.mark.parametrize("cls", PLAIN, ids=lambda cls: cls.__name__)
@few
@given(shape=shapes, training=st.booleans())
def test_activations(cls, shape, training):
    assert_formula_matches_ops(cls().train(training), torch.rand(*shape))


@pytest.mark.parametrize("cls", IN_PLACE, ids=lambda cls: cls.__name__)
def test_activations_in_place(cls):
    assert_formula_matches_ops(cls(inplace=True), torch.rand(2, 3))


@few
@given(shape=shapes, factor=factors)
def test_activations_with_a_factor(shape, factor):
    for module in (nn.ELU(factor), nn.CELU(factor), nn.Softplus(factor), nn.Threshold(0.1, factor)):
        assert_formula_matches_ops(module, torch.rand(*shape))


@few
@given(shape=shapes, approximate=st.sampled_from(["none", "tanh"]))
def test_gelu(shape, approximate):
    assert_formula_matches_ops(nn.GELU(approximate), torch.rand(*shape))


@few
@given(shape=shapes, half=st.integers(1, 4))
def test_glu(shape, half):
    assert_formula_matches_ops(nn.GLU(), torch.rand(*shape, 2 * half))


S, N = Size([2, 3]), 2 * 3

# exp(-x), negated before, 1 added, divided by; exp(2 x), 1 added, 2 over it, subtracted from 1
SIGMOID, TANH = Ops(adds=2, specials=2), Ops(adds=2, muls=1, specials=2)

WRITTEN_OUT = {
    nn.ELU(): Ops(compares=1, specials=1),  # a test, expm1
    nn.ELU(2.0): Ops(compares=1, muls=1, specials=1),
    nn.SELU(): Ops(compares=1, muls=1, specials=1),
    nn.CELU(2.0): Ops(compares=1, muls=2, specials=1),  # x / alpha, and times alpha
    nn.GELU(): Ops(adds=1, muls=3, specials=1),  # 0.5 x (1 + erf(x / sqrt 2))
    nn.GELU("tanh"): TANH + Ops(adds=2, muls=6),  # x x x, k, c, 0.5 and x; two sums
    nn.GLU(): SIGMOID + Ops(muls=1),
    nn.Hardshrink(): Ops(compares=2),
    nn.Hardsigmoid(): Ops(adds=1, compares=2, specials=1),  # min(max(x + 3, 0), 6) / 6
    nn.Hardswish(): Ops(adds=1, muls=1, compares=2, specials=1),
    nn.Hardtanh(): Ops(compares=2),
    nn.LeakyReLU(): Ops(muls=1, compares=1),
    nn.LogSigmoid(): Ops(adds=2, compares=2, specials=2),  # min(x, 0) - log1p(exp(-|x|))
    nn.Mish(): TANH + Ops(muls=1, specials=2),  # x tanh(log1p(exp(x)))
    nn.PReLU(): Ops(muls=1, compares=1),
    nn.ReLU(): Ops(compares=1),
    nn.ReLU6(): Ops(compares=2),
    nn.RReLU(): Ops(muls=1, compares=1),
    nn.SiLU(): SIGMOID + Ops(muls=1),
    nn.Sigmoid(): SIGMOID,
    nn.Softplus(): Ops(compares=1, specials=2),  # a test, exp, log1p
    nn.Softplus(2.0): Ops(muls=1, compares=1, specials=3),
    nn.Softshrink(): Ops(adds=1, compares=2),
    nn.Softsign(): Ops(adds=1, compares=1, specials=1),  # x / (|x| + 1)
    nn.Tanh(): TANH,
    nn.Tanhshrink(): TANH + Ops(adds=1),
    nn.Threshold(0.1, 2.0): Ops(compares=1),
}


@pytest.mark.parametrize("module", WRITTEN_OUT, ids=repr)
def test_figure_per_output_element(module):
    price = Resolver(BUILTIN).module(module).price
    assert ask(price, module, S, out=S) == WRITTEN_OUT[module] * N


def test_each_class_here_is_written_out():
    assert {type(module) for module in WRITTEN_OUT} >= set(FIGURE_OF)
    with_formula = {
        cls
        for cls in vars(nn.modules.activation).values()
        if isinstance(cls, type)
        and BUILTIN.get(f"torch.nn.{cls.__name__}") is None
        and (entry := BUILTIN.get(f"{cls.__module__}.{cls.__name__}")) is not None
        and entry.kind == "activation"
    }
    assert {type(module) for module in WRITTEN_OUT} == with_formula

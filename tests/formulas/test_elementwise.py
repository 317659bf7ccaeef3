"""Element-wise figures: 6 outputs times what the defining formula asks for per output,
written out.
"""

import pytest
from helpers.asked import ask
from torch import Size

from hookcount import Ops

S = Size([2, 3])
N = 2 * 3


def price(target, *args, out=S, **kwargs):
    return ask(target, *args, out=out, **kwargs)


@pytest.mark.parametrize(
    ("op", "adds", "muls", "compares", "specials"),
    [
        ("neg", 1, 0, 0, 0),
        ("mul", 0, 1, 0, 0),
        ("reciprocal", 0, 0, 0, 1),
        ("sqrt", 0, 0, 0, 1),
        ("rsqrt", 0, 0, 0, 2),  # sqrt, divide
        ("hypot", 1, 2, 0, 1),  # two squares, add, sqrt
        ("fmod", 1, 1, 0, 2),  # divide, round, multiply back, subtract
        ("eq", 0, 0, 1, 0),
        ("maximum", 0, 0, 1, 0),
        ("abs", 0, 0, 1, 0),
        ("sign", 0, 0, 2, 0),
        ("isnan", 0, 0, 1, 0),
        ("nan_to_num", 0, 0, 3, 0),
        ("floor", 0, 0, 0, 1),
        ("frac", 1, 0, 0, 1),
        ("exp", 0, 0, 0, 1),
        ("log1p", 0, 0, 0, 1),
        ("erf", 0, 0, 0, 1),
        ("special_i0e", 0, 0, 0, 1),
        ("xlogy", 0, 1, 1, 1),
        ("logaddexp", 3, 0, 2, 2),
        ("sin", 0, 0, 0, 1),
        ("sinh", 1, 1, 0, 2),  # exp, its inverse, subtract, halve
        ("asinh", 2, 1, 0, 2),  # square, add, sqrt, add, log
        ("atanh", 2, 1, 0, 2),  # add, subtract, divide, log, halve
        ("sinc", 0, 1, 1, 2),
        ("polar", 0, 2, 0, 2),
        ("sigmoid", 2, 0, 0, 2),  # negate, exp, add, divide
        ("tanh", 2, 1, 0, 2),  # double, exp, add, divide, subtract
        ("relu", 0, 0, 1, 0),
        ("hardtanh", 0, 0, 2, 0),
        ("hardsigmoid", 1, 0, 2, 1),
        ("hardswish", 1, 1, 2, 1),
        ("leaky_relu", 0, 1, 1, 0),
        ("_prelu_kernel", 0, 1, 1, 0),
        ("softshrink", 1, 0, 2, 0),
        ("silu", 2, 1, 0, 2),  # sigmoid and a mul
        ("mish", 2, 2, 0, 4),  # exp, log1p, tanh, mul
        ("linalg_cross", 1, 2, 0, 0),
    ],
)
def test_figure_per_element(op, adds, muls, compares, specials):
    assert price(f"aten::{op}", S) == Ops(
        adds=N * adds, muls=N * muls, compares=N * compares, specials=N * specials
    )


def test_broadcast_operands_cost_per_output():
    assert price("aten::mul", Size([4, 1]), Size([1, 5]), out=Size([4, 5])) == Ops(muls=4 * 5)


def test_glu_costs_per_output_which_is_half_the_input():
    assert price("aten::glu", Size([2, 8]), -1, out=Size([2, 4])) == Ops(
        adds=2 * 4 * 2, muls=2 * 4, specials=2 * 4 * 2
    )


def test_several_outputs_count_once():
    sigmoid_parts = Ops(
        adds=N * 2, compares=N * 2, specials=N * 2
    )  # min, abs, negate, exp, log1p, subtract
    assert price("aten::log_sigmoid_forward", S, out=(S, Size([0]))) == sigmoid_parts
    assert price("aten::frexp", S, out=(S, S)) == Ops(specials=N)


def test_dropout_is_the_sum_of_the_ops_it_is_made_of():
    one_op = price("aten::native_dropout", S, 0.5, True, out=(S, S))
    assert (
        one_op == price("aten::div", S, 0.5) + price("aten::mul", S, S) == Ops(muls=N, specials=N)
    )


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


def test_nothing_costs_nothing():
    empty = Size([0, 3])
    for op in ("relu", "add", "gelu", "clamp"):
        assert price(f"aten::{op}", empty, *([empty] if op == "add" else []), out=empty) == Ops()

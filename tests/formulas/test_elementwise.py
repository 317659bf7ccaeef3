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


def test_nothing_costs_nothing():
    empty = Size([0, 3])
    for op in ("relu", "add", "gelu", "clamp"):
        assert price(f"aten::{op}", empty, *([empty] if op == "add" else []), out=empty) == Ops()

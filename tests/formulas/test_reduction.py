"""Reductions: n elements to one take n - 1 operations, and what comes after."""

from math import inf

import pytest
from helpers.asked import ask
from torch import Size

from hookcount import Ops

S = Size([4, 5, 6])
ALL = Size([])
ROW = Size([4, 5])  # 20 rows of 6
MIDDLE = Size([5])  # 5 results of 4 * 6


def price(target, *args, out, **kwargs):
    return ask(target, *args, out=out, **kwargs)


@pytest.mark.parametrize(
    ("args", "out", "rows", "n"),
    [((), ALL, 1, 120), (([-1],), ROW, 20, 6), (([0, 2],), MIDDLE, 5, 24)],
)
def test_sum_mean_and_spread(args, out, rows, n):
    adds = rows * (n - 1)
    assert price("aten::sum", S, *args, out=out) == Ops(adds=adds)
    assert price("aten::nansum", S, *args, out=out) == Ops(adds=adds, compares=rows * n)
    assert price("aten::mean", S, *args, out=out) == Ops(adds=adds, specials=rows)
    # mean, subtract, square, add up, divide
    spread = Ops(adds=adds + rows * n + adds, muls=rows * n, specials=rows * 2)
    assert price("aten::var", S, *args, correction=1, out=out) == spread
    assert price("aten::var_mean", S, *args, out=(out, out)) == spread
    assert price("aten::std", S, *args, out=out) == spread + Ops(specials=rows)
    assert price("aten::std_mean", S, *args, out=(out, out)) == spread + Ops(specials=rows)


def test_kept_dimensions_change_nothing():
    assert price("aten::sum", S, [-1], True, out=Size([4, 5, 1])) == Ops(adds=4 * 5 * (6 - 1))


@pytest.mark.parametrize("op", ["amax", "amin", "max", "min", "argmax", "argmin"])
def test_extremes_compare(op):
    assert price(f"aten::{op}", S, out=ALL) == Ops(compares=4 * 5 * 6 - 1)
    assert price(f"aten::{op}", S, -1, out=(ROW, ROW)) == Ops(compares=4 * 5 * (6 - 1))


def test_aminmax_is_both():
    assert price("aten::aminmax", S, out=(ALL, ALL)) == Ops(compares=2 * (4 * 5 * 6 - 1))


def test_prod():
    assert price("aten::prod", S, 2, out=ROW) == Ops(muls=4 * 5 * (6 - 1))


@pytest.mark.parametrize("op", ["any", "all", "count_nonzero"])
def test_tests_are_one_per_element(op):
    assert price(f"aten::{op}", S, out=ALL) == Ops(compares=4 * 5 * 6)


@pytest.mark.parametrize(
    ("ord", "expected"),
    [
        (2, Ops(muls=6, adds=5, specials=1)),
        (1, Ops(compares=6, adds=5)),
        (0, Ops(compares=6, adds=5)),
        (inf, Ops(compares=6 + 5)),
        (-inf, Ops(compares=6 + 5)),
        (3, Ops(compares=6, muls=2 * 6, adds=5, specials=1)),
        (2.5, Ops(compares=6, specials=6 + 1, adds=5)),
        (-1, Ops(compares=6, specials=6 + 1, adds=5)),
    ],
)
def test_norm_by_order(ord, expected):
    assert price("aten::linalg_vector_norm", S, ord, [-1], out=ROW) == expected * 20
    assert price("aten::norm", S, ord, [-1], out=ROW) == expected * 20
    assert price("aten::dist", Size([2, 3]), Size([2, 3]), ord, out=ALL) == expected + Ops(
        adds=2 * 3
    )


def test_norm_without_an_order_is_the_second():
    assert price("aten::norm", S, None, out=ALL) == Ops(muls=120, adds=119, specials=1)


def test_renorm_counts_every_slice_as_too_long():
    norm = Ops(muls=12, adds=11, specials=1)
    expected = norm * 5 + Ops(compares=5, specials=5, muls=5 * 12)
    assert price("aten::renorm", Size([5, 3, 4]), 2, 0, 1.0, out=Size([5, 3, 4])) == expected


def test_running_reductions_take_a_step_less_than_elements():
    assert price("aten::cumsum", S, 1, out=S) == Ops(adds=4 * 6 * (5 - 1))
    assert price("aten::cumprod", S, 1, out=S) == Ops(muls=4 * 6 * (5 - 1))
    assert price("aten::cummax", S, 1, out=(S, S)) == Ops(compares=4 * 6 * (5 - 1))


def test_trace():
    assert price("aten::trace", Size([3, 7]), out=ALL) == Ops(adds=3 - 1)


def test_equal_and_allclose():
    assert price("aten::equal", S, S, out=True) == Ops(compares=120)
    assert price("aten::allclose", S, S, out=True) == Ops(adds=2 * 120, muls=120, compares=3 * 120)


def test_nothing_to_reduce():
    assert price("aten::sum", Size([0, 3]), [0], out=Size([3])) == Ops()
    assert price("aten::var", Size([0, 3]), [1], out=Size([0])) == Ops()
    assert price("aten::amax", Size([1, 3]), [0], out=Size([3])) == Ops()

"""Sorting, selecting, searching: rows times the compares of the textbook algorithm."""

from math import ceil, log2

import pytest
from helpers.asked import ask
from hypothesis import given
from hypothesis import strategies as st
from torch import Size

from hookcount import Ops

ROWS = Size([3, 100])  # ceil(log2 100) = 7


def price(target, *args, out=None, **kwargs):
    return ask(target, *args, out=out, **kwargs)


def test_sort_along_each_dim():
    assert price("aten::sort", ROWS) == Ops(compares=3 * 100 * 7)
    assert price("aten::sort", ROWS, 0) == Ops(compares=100 * 3 * 2)
    assert price("aten::sort", ROWS, stable=True, dim=-1) == Ops(compares=3 * 100 * 7)
    assert (
        price("aten::sort", Size([1]))
        == price("aten::sort", Size([0]))
        == price("aten::sort", Size([]))
        == Ops()
    )


@given(st.integers(1, 10_000))
def test_sort_is_between_the_bound_of_information_and_that_of_merging(n):
    compares = price("aten::sort", Size([n])).compares
    assert compares >= sum(log2(i) for i in range(1, n + 1)) - 1e-6  # log2(n!)
    assert compares == n * (ceil(log2(n)) if n > 1 else 0)


@pytest.mark.parametrize(("k", "levels"), [(1, 1), (3, 2), (5, 3), (7, 3), (8, 4), (100, 7)])
def test_topk_sinks_through_a_heap_of_k(k, levels):
    assert price("aten::topk", ROWS, k) == Ops(compares=3 * 100 * levels)


@given(st.integers(1, 2000), st.data())
def test_topk_is_never_dearer_than_a_sort(n, data):
    k = data.draw(st.integers(1, n))
    assert price("aten::topk", Size([n]), k).compares <= price("aten::sort", Size([n])).compares


def test_kth_and_median():
    assert price("aten::kthvalue", ROWS, 3) == Ops(compares=3 * 100 * 2)
    assert price("aten::kthvalue", ROWS, 98) == Ops(compares=3 * 100 * 2)  # the third from above
    assert price("aten::median", ROWS, 1) == Ops(compares=3 * 100 * 6)  # a heap of 50: 6 levels
    assert price("aten::median", Size([3, 5])) == Ops(
        compares=3 * 5 * 4
    )  # of all: a heap of 8, 4 levels


def test_unique_and_mode_sort_and_compare_neighbours():
    assert price("aten::_unique2", Size([10, 10])) == Ops(compares=100 * 7 + 99)
    assert price("aten::mode", ROWS) == Ops(compares=3 * (100 * 7 + 99))
    assert price("aten::unique_consecutive", Size([100])) == Ops(compares=99)
    assert price("aten::unique_dim", Size([8, 5]), 0) == Ops(compares=(8 * 3 + 7) * 5)


def test_binary_searches():
    assert price("aten::searchsorted", Size([3, 100]), Size([3, 6])) == Ops(compares=3 * 6 * 7)
    assert price("aten::searchsorted", Size([100]), 0.5) == Ops(compares=7)
    assert price("aten::bucketize", Size([4, 6]), Size([127])) == Ops(compares=4 * 6 * 7)
    assert price("aten::isin", Size([4, 6]), Size([16])) == Ops(compares=16 * 4 + 4 * 6 * 5)


def test_histograms():
    each = Ops(adds=2, muls=1, compares=2, specials=2)
    assert price("aten::histc", Size([50])) == each * 50
    assert price("aten::histogram.bin_ct", Size([50]), 10) == each * 50
    assert price("aten::histogram.bins_tensor", Size([50]), Size([15])) == Ops(
        compares=50 * 4, adds=50
    )
    assert price("aten::bincount", Size([50]), Size([50])) == Ops(adds=50)


def test_multinomial():
    assert price("aten::multinomial", ROWS, 1) == Ops(specials=3 * 100, compares=3 * 99)
    assert price("aten::multinomial", ROWS, 5) == Ops(specials=3 * 100, compares=3 * 100 * 3)
    assert price("aten::multinomial", ROWS, 5, True) == Ops(
        adds=3 * 99, specials=3 * 100, compares=3 * 5 * 7
    )

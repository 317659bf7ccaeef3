"""Pooling: figures written out, and modules against their ops."""

import pytest
import torch
from helpers.against_ops import assert_formula_matches_ops, by_formula, by_ops
from helpers.asked import ask
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Size, nn

from hookcount import Ops
from hookcount.formulas import pooling

MAX = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
AVERAGE = {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d}
ADAPTIVE_MAX = {1: nn.AdaptiveMaxPool1d, 2: nn.AdaptiveMaxPool2d, 3: nn.AdaptiveMaxPool3d}
ADAPTIVE_AVERAGE = {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}


def inputs(draw, axes):
    return torch.rand(
        *([] if draw(st.booleans()) else [2]), 3, *[draw(st.integers(4, 7)) for _ in range(axes)]
    )


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_pools_agree_with_their_ops(data):
    draw = data.draw
    axes, kernel = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    options = {
        "stride": draw(st.sampled_from([None, 1, 2])),
        "padding": draw(st.integers(0, kernel // 2)),
    }
    options["ceil_mode"] = draw(st.booleans())
    given_ = inputs(draw, axes)
    assert_formula_matches_ops(AVERAGE[axes](kernel, **options), given_)
    assert_formula_matches_ops(
        MAX[axes](kernel, return_indices=draw(st.booleans()), **options), given_
    )


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_adaptive_pools_agree_with_their_ops(data):
    draw = data.draw
    axes = draw(st.integers(1, 3))
    sizes = [
        draw(st.sampled_from([1, 2, 3, 5] if axes == 1 else [None, 1, 2, 3])) for _ in range(axes)
    ]
    size = sizes[0] if axes == 1 else tuple(sizes)
    given_ = inputs(draw, axes)
    assert_formula_matches_ops(ADAPTIVE_AVERAGE[axes](size), given_)
    assert_formula_matches_ops(ADAPTIVE_MAX[axes](size, return_indices=draw(st.booleans())), given_)


@pytest.mark.parametrize(
    ("module", "given_"),
    [
        (nn.FractionalMaxPool2d(2, output_size=3), torch.rand(2, 3, 8, 8)),
        (
            nn.FractionalMaxPool2d((2, 3), output_ratio=0.5, return_indices=True),
            torch.rand(3, 8, 8),
        ),
        (nn.FractionalMaxPool3d(2, output_size=3), torch.rand(2, 3, 8, 8, 8)),
    ],
)
def test_fractional_pools_agree_with_their_ops(module, given_):
    assert_formula_matches_ops(module, given_)


def test_max_pool_compares_all_but_one_of_a_window():
    assert by_formula(nn.MaxPool2d(3, 2), torch.rand(2, 4, 9, 9)) == Ops(
        compares=2 * 4 * 4 * 4 * (3 * 3 - 1)
    )
    assert by_formula(nn.MaxPool2d((1, 3)), torch.rand(2, 4, 9, 9)) == Ops(
        compares=2 * 4 * 9 * 3 * (3 - 1)
    )


def test_average_pool_adds_and_divides():
    assert by_formula(nn.AvgPool2d(3), torch.rand(2, 4, 9, 9)) == Ops(
        adds=2 * 4 * 9 * 8, specials=2 * 4 * 9
    )
    # windows in the padding are whole
    assert by_formula(nn.AvgPool2d(3, padding=1), torch.rand(1, 1, 3, 3)) == Ops(adds=8, specials=1)


def test_adaptive_windows_are_of_their_real_size():
    # 5 onto 3: [0, 2), [1, 4), [3, 5): 2 + 3 + 2 values
    assert by_formula(nn.AdaptiveAvgPool1d(3), torch.rand(1, 2, 5)) == Ops(
        adds=2 * (7 - 3), specials=2 * 3
    )
    assert by_formula(nn.AdaptiveMaxPool1d(3), torch.rand(1, 2, 5)) == Ops(compares=2 * (7 - 3))
    assert by_formula(nn.AdaptiveAvgPool2d(3), torch.rand(1, 1, 5, 5)) == Ops(
        adds=7 * 7 - 9, specials=9
    )


def test_global_average_is_a_mean():
    assert by_formula(nn.AdaptiveAvgPool2d(1), torch.rand(2, 4, 7, 7)) == Ops(
        adds=2 * 4 * (49 - 1), specials=2 * 4
    )


def test_power_pool_is_observed():
    # squares of 9; means of 3; sign, absolute value, relu; two products; a root
    found = by_formula(nn.LPPool1d(2, 3), torch.rand(1, 1, 9))
    assert found.muls >= 9 + 3 + 3
    assert found.adds >= 3 * 2
    assert found.specials >= 3 + 3
    assert found == by_ops(nn.LPPool1d(2, 3), torch.rand(1, 1, 9))


def test_unpooling_is_a_scatter():
    values, where = nn.MaxPool2d(2, return_indices=True)(torch.rand(1, 2, 4, 4))
    assert by_formula(nn.MaxUnpool2d(2), values, where) == Ops()


@pytest.mark.parametrize("op", [pooling.max_pool2d, pooling.avg_pool2d])
def test_one_number_stands_for_both_axes(op):
    out = Size((1, 2, 3, 3))
    assert ask(op, Size((1, 2, 9, 9)), (3,), out=out) == ask(
        op, Size((1, 2, 9, 9)), (3, 3), out=out
    )

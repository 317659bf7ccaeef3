"""Columns of integers: exact, also in sums, whatever their size."""

import pandas as pd
import pytest

from hookcount.tables import exact


@pytest.mark.parametrize(
    "values",
    [
        [3, 4],
        [2**62, 2**62],
        [2**63, 1],
        [2**63 - 1, 2**63 - 1],
        [10**30, -(10**30), 7],
        [-(2**63)],
    ],
)
def test_values_and_sums_are_exact(values):
    found = exact.column(values)
    assert found.tolist() == values
    assert int(found.sum()) == sum(values)
    assert exact.numeric(pd.DataFrame({"a": found, "b": ["x"] * len(values)})) == ["a"]


def test_integers_that_fit_are_plain():
    assert exact.column([1, 2]).dtype == "int64"
    assert exact.column([0.5, 1]).dtype == "float64"


def test_a_missing_value_changes_no_other():
    assert exact.column([2**53 + 1, None]).tolist() == [2**53 + 1, None]
    assert exact.column([2**53 + 1, 0.5]).tolist() == [2**53 + 1, 0.5]


def test_text_is_no_number():
    assert exact.numeric(exact.frame({"a": ["1", "2"], "b": [True, False]})) == []


@pytest.mark.parametrize("large", [5, 2**62, 2**63, 10**30])
def test_integers_with_missing_ones(large):
    found = exact.nullable([large, None, large])
    assert found.isna().tolist() == [False, True, False]
    assert found.sum() == 2 * large


def test_a_frame_of_no_rows_has_its_columns():
    assert exact.frame({"a": [], "b": []}).columns.tolist() == ["a", "b"]


def test_a_text_that_utf8_cannot_hold():
    assert exact.column(["\udc80", "a"]).tolist() == ["\udc80", "a"]

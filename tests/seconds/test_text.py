"""Rates and counts as short text."""

import math

import pytest

from hookcount.seconds.text import per_second, rate


@pytest.mark.parametrize(
    ("value", "text"),
    [(29.31, "29.3"), (1234.5, "1,234"), (0.0401, "0.0401"), (math.inf, "inf"), (99.96, "100")],
)
def test_rates(value, text):
    assert rate(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(2.4e11, "240 G"), (12.0, "12 "), (math.inf, "inf "), (0, "0 ")]
)
def test_flops_a_second(value, text):
    assert per_second(value) == text

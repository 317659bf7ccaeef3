"""Durations, rates and counts as short text."""

import math

import pytest

from hookcount.seconds.text import duration, per_second, rate


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0341, "34.1 ms"),
        (0.34149, "341 ms"),
        (1, "1.00 s"),
        (9.994, "9.99 s"),
        (123.4, "123 s"),
        (0.00999, "9.99 ms"),
        (34.1e-6, "34.1 us"),
        (5e-9, "5.00 ns"),
        (0, "0 s"),
        (0.9999, "1.00 s"),
        (0.0009996, "1.00 ms"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


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

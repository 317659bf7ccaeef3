"""Numbers as short text. The expected texts are written by hand; properties use exact fractions."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hookcount.core.units import duration, percent, quantity, si, size

POWERS = {"": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18, "Z": 21, "Y": 24}
BINARY = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (7, "7"),
        (999, "999"),
        (1000, "1.00 k"),
        (12_345, "12.3 k"),
        (999_499, "999 k"),
        (999_501, "1.00 M"),
        (10**15, "1.00 P"),
        (10**18 - 1, "1.00 E"),
        (10_338 * 10**15, "10.3 E"),
        (455 * 10**21, "455 Z"),
        (6 * 10**24, "6.00 Y"),
        (-2500, "-2.50 k"),
    ],
)
def test_counts(number, text):
    assert si(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (0.25, "0.250"),
        (29.31, "29.3"),
        (30.0, "30.0"),
        (999.96, "1.00 k"),
        (989.4e12, "989 T"),
        (2.5e-7, "2.50e-07"),
        (-0.5, "-0.500"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
    ],
)
def test_floats(number, text):
    assert si(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1234 * 10**24, "1,234 Y"),
        (10**30, "1.00e+30"),
        (3 * 10**400, "3.00e+400"),
        (-3 * 10**400, "-3.00e+400"),
        (2e200, "2.00e+200"),
    ],
)
def test_numbers_beyond_yotta_are_readable(number, text):
    assert si(number) == text


@given(st.integers(10**3, 10**27 - 10**24))
def test_text_is_the_number_to_three_digits(number):
    digits, prefix = si(number).split(" ")
    back = Fraction(digits) * 10 ** POWERS[prefix]
    assert 1 <= Fraction(digits) < 1000
    assert len(digits.replace(".", "")) == 3
    assert abs(back - number) <= Fraction(number, 199)  # half of one in 100


@pytest.mark.parametrize("power", range(2, 9))
@pytest.mark.parametrize("kind", [int, float])
def test_a_number_just_below_a_step_has_the_prefix_of_the_step(power, kind):
    prefix = [*POWERS][power]
    assert si(kind(9996 * 10 ** (3 * power) // 10**4)) == f"1.00 {prefix}"
    assert size(kind(10239 * 1024**power // 10240)) == f"1.00 {BINARY[power]}"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (1000 * 1024, "1000 KiB"),
        (80 * 2**30, "80.0 GiB"),
        (2**40 - 1, "1.00 TiB"),
        (2**50, "1.00 PiB"),
        (2**60, "1.00 EiB"),
        (2**70, "1.00 ZiB"),
        (2**80, "1.00 YiB"),
        (2**91, "2,048 YiB"),
    ],
)
def test_bytes(number, text):
    assert size(number) == text


@pytest.mark.parametrize("seven", [np.int64(7), np.uint8(7), torch.tensor(7)])
def test_integers_of_other_libraries(seven):
    assert si(seven) == "7"
    assert size(seven) == "7 B"


def test_floats_of_other_libraries():
    assert si(np.float32(2500)) == "2.50 k"
    assert duration(np.float64(0.5)) == "500 ms"


def test_a_unit_has_the_prefix():
    assert quantity(989.4e12, "FLOP/s") == "989 TFLOP/s"
    assert quantity(3.35e12, "B/s") == "3.35 TB/s"
    assert quantity(12, "FLOPs") == "12 FLOPs"
    assert quantity(4_089_184_256, "MACs", digits=2) == "4.1 GMACs"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (45e-9, "45.0 ns"),
        (45e-6, "45.0 us"),
        (0.0341, "34.1 ms"),
        (999.96e-6, "1.00 ms"),
        (0.99996, "1.00 s"),
        (2.314, "2.31 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 0 s"),
        (119.6, "2 min 0 s"),
        (3599.6, "1 h 0 min"),
        (4320, "1 h 12 min"),
        (86_400 * 2 + 3600 * 5, "2 d 5 h"),
        (86_400 * 1234 + 3600, "1,234 d"),
        (-0.5, "-500 ms"),
        (float("nan"), "nan s"),
        (float("inf"), "inf s"),
    ],
)
def test_seconds(seconds, text):
    assert duration(seconds) == text


def test_percent():
    assert percent(1, 8) == "12.5%"
    assert percent(0.5, 2.0) == "25.0%"
    assert percent(1, 0) == ""

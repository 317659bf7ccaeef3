"""Counts, rates, bytes and seconds as short text for people. Numbers are rounded only here."""

from __future__ import annotations

from decimal import Decimal
from math import isfinite

PREFIXES = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")
_BYTES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")
_FRACTIONS = ((10**9, "ns"), (10**6, "us"), (10**3, "ms"), (1, "s"))
_DAY = 86_400
_LONGER = ((60, "min", 1, "s", 60), (3600, "h", 60, "min", 24), (_DAY, "d", 3600, "h", 100))
"""A unit of time in seconds and its name, the next smaller unit, and the most that is shown."""


def si(number: float, digits: int = 3) -> str:
    """A number with ``digits`` significant digits and an SI prefix, from kilo to yotta.

    A number that rounds up to 1000 has the next prefix. A whole number below 1000 stays exact.

    >>> si(4089184256), si(11689512), si(999), si(0)
    ('4.09 G', '11.7 M', '999', '0')
    >>> si(10_338 * 10**15), si(999_999_999), si(29.3124), si(8178368512, digits=2)
    ('10.3 E', '1.00 G', '29.3', '8.2 G')
    """
    text, prefix = _scaled(number, 1000, PREFIXES, digits)
    return f"{text} {prefix}" if prefix else text


def quantity(number: float, unit: str, digits: int = 3) -> str:
    """A number as in ``si``, with its unit. The prefix stands before the unit.

    >>> quantity(989.4e12, "FLOP/s"), quantity(8178368512, "FLOPs", digits=2), quantity(12, "B/s")
    ('989 TFLOP/s', '8.2 GFLOPs', '12 B/s')
    """
    text, prefix = _scaled(number, 1000, PREFIXES, digits)
    return f"{text} {prefix}{unit}"


def size(number: float) -> str:
    """A number of bytes with three significant digits and a prefix for powers of 1024.

    >>> size(102228128), size(12), size(80 * 2**30), size(1023.9 * 2**20)
    ('97.5 MiB', '12 B', '80.0 GiB', '1.00 GiB')
    """
    text, prefix = _scaled(number, 1024, _BYTES, 3)
    return f"{text} {prefix}"


def duration(seconds: float) -> str:
    """A time with three significant digits. From a minute on, it has two whole numbers.

    >>> duration(0.0341), duration(2.31), duration(45e-6), duration(125), duration(4320)
    ('34.1 ms', '2.31 s', '45.0 us', '2 min 5 s', '1 h 12 min')
    """
    seconds = float(seconds)
    if not isfinite(seconds):
        return f"{seconds} s"
    sign, seconds = "-" if seconds < 0 else "", abs(seconds)
    if not seconds:
        return "0 s"
    for steps, unit in _FRACTIONS:
        text = _significant(seconds * steps, 3)
        if float(text) < (60 if unit == "s" else 1000):
            return f"{sign}{text} {unit}"
    for step, unit, smaller, name, most in _LONGER:
        whole, rest = divmod(round(seconds / smaller), step // smaller)
        if whole < most:
            return f"{sign}{whole} {unit} {rest} {name}"
    return f"{sign}{seconds / _DAY:,.0f} d"


def percent(part: float, whole: float) -> str:
    """``part`` in percent of ``whole``, with one decimal. Empty if ``whole`` is zero.

    >>> percent(1, 3), percent(0, 0)
    ('33.3%', '')
    """
    return f"{100 * part / whole:.1f}%" if whole else ""


def _scaled(number: float, base: int, prefixes: tuple[str, ...], digits: int) -> tuple[str, str]:
    """The digits of a number, and the prefix that goes with them."""
    number = _plain(number)
    if isinstance(number, float) and not isfinite(number):
        return str(number), prefixes[0]
    sign, number = "-" if number < 0 else "", abs(number)
    if isinstance(number, int) and number < base:
        return f"{sign}{number}", prefixes[0]
    last = len(prefixes) - 1
    if number >= 10**6 * base**last:  # a float may not hold it
        return f"{sign}{Decimal(number):.{digits - 1}e}", prefixes[0]
    for power, prefix in enumerate(prefixes):
        text = _significant(number / base**power, digits)
        if float(text) < base:
            return sign + text, prefix
    return f"{sign}{number / base**last:,.0f}", prefixes[last]


def _significant(number: float, digits: int) -> str:
    """A number with at least ``digits`` significant digits.

    >>> _significant(0.99999, 3), _significant(1234.5, 3), _significant(0.012345, 3)
    ('1.00', '1234', '0.0123')
    """
    if not number:
        return "0"
    scientific = f"{number:.{digits - 1}e}"
    exponent = int(scientific.partition("e")[2])  # of the rounded number
    return scientific if exponent < -4 else f"{number:.{max(0, digits - 1 - exponent)}f}"


def _plain(number: float) -> float:
    """A Python int or float of the same value: numbers of numpy and torch are taken too."""
    return number.__index__() if hasattr(number, "__index__") else float(number)

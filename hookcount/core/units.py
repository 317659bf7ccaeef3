"""Counts as short text for people. Counts are rounded only here."""

from __future__ import annotations

_STEPS = ((10**15, "P"), (10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))
_BYTES = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def si(count: int) -> str:
    """A count with three significant digits and an SI prefix.

    >>> si(4089184256), si(11689512), si(999), si(0)
    ('4.09 G', '11.7 M', '999', '0')
    """
    return _short(count, _STEPS, "")


def size(count: int) -> str:
    """A number of bytes with three significant digits and a prefix for powers of 1024.

    >>> size(102228128), size(12)
    ('97.5 MiB', '12 B')
    """
    return _short(count, _BYTES, " B")


def _short(count: int, steps: tuple[tuple[int, str], ...], unit: str) -> str:
    for step, name in steps:
        if count >= step:
            value = count / step
            digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
            return f"{value:.{digits}f} {name}"
    return f"{count}{unit}"


def percent(part: int, whole: int) -> str:
    """``part`` in percent of ``whole``, with one decimal. Empty if ``whole`` is zero.

    >>> percent(1, 3), percent(0, 0)
    ('33.3%', '')
    """
    return f"{100 * part / whole:.1f}%" if whole else ""

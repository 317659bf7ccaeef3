"""``clever_format``: numbers as short texts. ``prRed`` and others: texts in colour."""

from __future__ import annotations

from collections.abc import Iterable

from ..shared import in_units
from ..thop.utils import (
    COLOR_GREEN,
    COLOR_RED,
    COLOR_YELLOW,
    colorful_print,
    prGreen,
    prRed,
    prYellow,
)

__all__ = [
    "COLOR_GREEN",
    "COLOR_RED",
    "COLOR_YELLOW",
    "clever_format",
    "colorful_print",
    "prGreen",
    "prRed",
    "prYellow",
]


def clever_format(nums: float | Iterable[float], format: str = "%.2f") -> str | tuple[str, ...]:
    """Each number in the largest of the units T, G, M and K that it reaches, else with a ``B``.

    The result is a text for one number, and a tuple of texts for several.

    >>> clever_format(4133742592.0), clever_format([25557032, 1000], "%.3f")
    ('4.13G', ('25.557M', '1.000K'))
    """
    return in_units(nums, format, lambda number, unit: abs(number) >= unit)

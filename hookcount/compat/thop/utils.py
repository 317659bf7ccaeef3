"""``clever_format``: numbers as short texts. ``prRed`` and others: texts in colour."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable

from ..shared import in_units


def clever_format(nums: float | Iterable[float], format: str = "%.2f") -> str | tuple[str, ...]:
    """Each number in the largest of the units T, G, M and K that it exceeds, else with a ``B``.

    The result is a text for one number, and a tuple of texts for several.

    >>> clever_format(4133742592.0), clever_format([25557032, 1000], "%.3f")
    ('4.13G', ('25.557M', '1000.000B'))
    """
    return in_units(nums, format, operator.gt)


COLOR_RED, COLOR_GREEN, COLOR_YELLOW = "91m", "92m", "93m"
"""Codes of a terminal, without their beginning."""


def colorful_print(fn_print: Callable[..., object], color: str = COLOR_RED) -> Callable[..., None]:
    """A function that prints in a colour what ``fn_print`` prints."""

    def actual_call(*args: object, **kwargs: object) -> None:
        print(f"\033[{color}", end="")
        fn_print(*args, **kwargs)
        print("\033[00m", end="")

    return actual_call


prRed = colorful_print(print, COLOR_RED)
prGreen = colorful_print(print, COLOR_GREEN)
prYellow = colorful_print(print, COLOR_YELLOW)

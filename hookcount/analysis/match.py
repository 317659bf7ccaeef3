"""``Match``: a convention by which a published figure may have been counted."""

from __future__ import annotations

from math import floor, log10
from numbers import Real
from typing import NamedTuple

from ..conventions import CONVENTIONS, MODULES, Convention
from ..core.errors import FormulaError, InputError
from ..core.names import clean
from ..pricing.priced import Priced


class Match(NamedTuple):
    """A convention's headline, or its double, beside a published figure.

    ``times``: 2 if the headline was doubled, else 1. ``figure``: the headline times that.
    ``off``: ``figure`` minus the published figure.
    """

    convention: Convention
    times: int
    figure: int
    off: float

    def __str__(self) -> str:
        double = f"2 x {self.convention.unit}" if self.times == 2 else self.convention.unit
        return f"{double} of {clean(self.convention.name)}: {self.figure:,} ({self.off:+,.0f})"

    def __repr__(self) -> str:
        return f"<hookcount.Match {self}>"


def rounding(figure: float) -> float:
    """Half a unit of the last digit of a figure that is not zero, or of its second digit.

    The later of the two digits counts. Raises ``InputError`` unless the figure is above 0.

    >>> rounding(136e9), rounding(4.1e9), rounding(40e9)
    (500000000.0, 50000000.0, 500000000.0)
    """
    if type(figure) is bool or not issubclass(type(figure), Real) or not figure > 0:
        raise InputError(
            f"{figure!r} is not a published figure. "
            "To fix it: give a number above 0, such as 4.1e9."
        )
    digits = max(2, len(f"{figure:.14e}".partition("e")[0].replace(".", "").rstrip("0")))
    return float(10.0 ** (floor(log10(figure)) - digits + 1) / 2)


def fits(match: Match, figure: float) -> bool:
    """Whether rounding the match, or cutting off its later digits, gives the published figure."""
    half = rounding(figure)
    return -half <= match.off <= half or 0 <= match.off < 2 * half


def candidates(priced: Priced, figure: float) -> list[Match]:
    """Every convention, and the double of each that is in MACs, the nearest to ``figure`` first.

    A convention of which a formula fails gives no figure and is left out. Raises ``InputError``
    unless ``figure`` is above 0, and ``FormulaError`` if every convention fails.
    """
    rounding(figure)
    tried = [(each, priced.figure_under(each)) for each in (*CONVENTIONS.values(), MODULES)]
    headlines = [(each, found) for each, found in tried if not isinstance(found, FormulaError)]
    if not headlines:
        raise next(found for _, found in tried if isinstance(found, FormulaError))
    found = [
        Match(convention, times, times * headline, times * headline - figure)
        for convention, headline in headlines
        for times in ((1, 2) if convention.unit == "MACs" else (1,))
    ]
    return sorted(found, key=lambda each: abs(each.off))

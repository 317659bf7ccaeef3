"""The coefficients of several growths as a DataFrame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...tables.exact import column, frame
from .growth import Growth

if TYPE_CHECKING:
    import pandas as pd


def coefficients(
    rows: Sequence[tuple[Mapping[str, str], Growth]], first: list[str]
) -> pd.DataFrame:
    """One row per growth: its names, the coefficient of each power of n, the polynomial as text.

    ``first``: the columns of the names. Coefficients are ints, or Fractions where they are not
    whole. They are None for a growth that is not a polynomial.
    """
    polynomials = [growth.polynomial for _, growth in rows]
    degree = max((each.degree for each in polynomials if each is not None), default=0)
    made = frame({name: [names[name] for names, _ in rows] for name in first})
    for power in range(degree, -1, -1):
        values = [None if each is None else each.coefficient(power) for each in polynomials]
        exact = [
            int(each) if each is not None and each.denominator == 1 else each for each in values
        ]
        name = "1" if power == 0 else "n" if power == 1 else f"n^{power}"
        made[name] = column(exact)
    made["growth"] = ["not a polynomial" if each is None else str(each) for each in polynomials]
    return made

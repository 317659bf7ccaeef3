"""``Polynomial``: in one variable, with exact coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sympy  # type: ignore[import-untyped]


@dataclass(frozen=True)
class Polynomial:
    """The sum of ``coefficients[k]`` n^k.

    Coefficients are exact and the last one is not 0. The polynomial 0 has no coefficients.

    >>> print(Polynomial.through([(1, 1), (2, 3), (3, 6)]))
    1/2 n^2 + 1/2 n
    >>> Polynomial.through([(1, 1), (2, 3), (3, 6)])(100)
    Fraction(5050, 1)
    """

    coefficients: tuple[Fraction, ...]

    @classmethod
    def through(cls, points: Sequence[tuple[int, int]]) -> Polynomial:
        """The polynomial of the lowest degree through all points. The sizes n must differ.

        Newton's divided differences give it. They are then multiplied out.
        """
        sizes = [Fraction(n) for n, _ in points]
        differences = [Fraction(value) for _, value in points]
        for step in range(1, len(points)):
            for index in range(len(points) - 1, step - 1, -1):
                rise = differences[index] - differences[index - 1]
                differences[index] = rise / (sizes[index] - sizes[index - step])
        found: list[Fraction] = []
        for size, difference in zip(reversed(sizes), reversed(differences), strict=True):
            up, down = [Fraction(0), *found], [*(size * each for each in found), Fraction(0)]
            found = [one - other for one, other in zip(up, down, strict=True)]  # times (n - size)
            found[0] += difference
        while found and not found[-1]:
            found.pop()
        return cls(tuple(found))

    @property
    def degree(self) -> int:
        """The highest power. The degree of the polynomial 0 is 0."""
        return max(len(self.coefficients) - 1, 0)

    def __call__(self, n: int) -> Fraction:
        """The value at ``n``."""
        value = Fraction(0)
        for coefficient in reversed(self.coefficients):
            value = value * n + coefficient
        return value

    def coefficient(self, power: int) -> Fraction:
        """The coefficient of n^power."""
        return self.coefficients[power] if power < len(self.coefficients) else Fraction(0)

    def sympy(self) -> sympy.Expr:
        """The polynomial as a sympy expression in the integer symbol ``n``.

        sympy can solve, plot and print it. It is installed with torch.
        """
        import sympy

        n = sympy.Symbol("n", integer=True)
        terms = [
            sympy.Rational(each.numerator, each.denominator) * n**power
            for power, each in enumerate(self.coefficients)
        ]
        return sympy.Add(*terms)

    def __str__(self) -> str:
        terms = [(power, each) for power, each in enumerate(self.coefficients) if each]
        if not terms:
            return "0"
        power, first = terms.pop()
        text = ("-" if first < 0 else "") + _term(abs(first), power)
        for power, each in reversed(terms):
            text += (" - " if each < 0 else " + ") + _term(abs(each), power)
        return text


def _term(factor: Fraction, power: int) -> str:
    whole = f"{factor.numerator:,}" + (
        f"/{factor.denominator:,}" if factor.denominator != 1 else ""
    )
    if not power:
        return whole
    return ("" if factor == 1 else whole + " ") + ("n" if power == 1 else f"n^{power}")

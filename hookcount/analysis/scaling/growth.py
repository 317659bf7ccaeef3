"""``Growth``: how one count grows with a size, as a polynomial that is checked on sizes it was not fitted to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from math import gcd, isqrt

from ...core.errors import InputError
from .polynomial import Polynomial

DEGREES = 4
"""The highest power that is looked for."""


@dataclass(frozen=True)
class Growth:
    """A count at several sizes n, and the polynomial that it is, if it is one.

    ``polynomial`` goes through the counts at ``fitted`` and was found again at every size of ``checked``; None if there is none
    of degree 4 or less. It is known for n = ``offset`` mod ``step`` alone, which all these sizes are; at ``missed`` it is wrong.
    """

    what: str
    points: tuple[tuple[int, int], ...]
    polynomial: Polynomial | None
    fitted: tuple[int, ...] = ()
    checked: tuple[int, ...] = ()
    missed: tuple[int, ...] = ()
    step: int = 1

    @property
    def offset(self) -> int:
        """What sizes leave over when divided by ``step``."""
        return self.fitted[0] % self.step if self.fitted else 0

    def __call__(self, n: int) -> int:
        """The count at a size that was counted, or that the polynomial is known for. Raises ``InputError`` at another."""
        known = dict(self.points).get(n)
        if known is not None:
            return known
        if self.polynomial is None:
            raise InputError(
                f"{self.what}({n}): {self.what} are not a polynomial of n. To fix it: count at {n}."
            )
        value = self.polynomial(n)
        if n % self.step != self.offset or value.denominator != 1:
            raise InputError(
                f"{self.what}({n}): the polynomial is known for {self.known_for} alone. To fix it: count at {n}, or at sizes "
                "without a common step."
            )
        return int(value)

    @property
    def known_for(self) -> str:
        """The sizes for which the polynomial is known, in words."""
        if self.step == 1:
            return "every n"
        return (
            f"multiples of {self.step}" if not self.offset else f"n = {self.offset} mod {self.step}"
        )

    def __str__(self) -> str:
        if self.polynomial is None:
            return f"{self.what}(n) is not a polynomial of degree {DEGREES} or less"
        text = f"{self.what}(n) = {self.polynomial}"
        if self.step > 1:
            text += f", for {self.known_for}"
        return text + (f", not at {', '.join(map(str, self.missed))}" if self.missed else "")


def fit(what: str, points: dict[int, int]) -> Growth:
    """The growth of a count, known at sizes in rising order: the polynomial of the least degree that all of them lie on; else
    one that those sizes lie on which are multiples of some step, at least four, for as many of them as can be.
    """
    for sizes in _subsets(list(points)):
        found = _exact([(n, points[n]) for n in sizes])
        if found is not None:
            used = found.degree + 1
            step = reduce(gcd, (n - sizes[0] for n in sizes))
            missed = tuple(n for n in points if n not in sizes)
            return Growth(
                what, tuple(points.items()), found, sizes[:used], sizes[used:], missed, step
            )
    return Growth(what, tuple(points.items()), None)


def _subsets(sizes: list[int]) -> Iterator[tuple[int, ...]]:
    """All sizes, then those that are multiples of a step, at least four, the most first."""
    yield tuple(sizes)
    steps = {
        step
        for n in sizes
        for low in range(1, isqrt(n) + 1)
        if n % low == 0
        for step in (low, n // low)
    }
    shared = {tuple(n for n in sizes if n % step == 0) for step in steps}
    yield from sorted(
        (each for each in shared if 4 <= len(each) < len(sizes)),
        key=lambda each: (-len(each), each),
    )


def _exact(points: list[tuple[int, int]]) -> Polynomial | None:
    """The polynomial of the least degree that leaves a point to check it, and that all the others lie on."""
    for degree in range(min(DEGREES, len(points) - 2) + 1):
        found = Polynomial.through(points[: degree + 1])
        if all(found(n) == value for n, value in points[degree + 1 :]):
            return found
    return None

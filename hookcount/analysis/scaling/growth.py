"""``Growth``: one count as a polynomial of a size, checked at sizes it was not fitted to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from math import gcd, isqrt

from ...core.errors import InputError
from .polynomial import Polynomial

DEGREES = 4
"""The highest power that is looked for."""

LEAST = 4
"""The least number of sizes that a polynomial must hold at, if it does not hold at all sizes."""


@dataclass(frozen=True)
class Growth:
    """A count at several sizes n, and the polynomial that gives it, if there is one.

    ``what``: the name of the count, for text. ``points``: pairs of a size and its count.
    ``polynomial``: a polynomial of degree 4 or less, or None if there is none.
    ``fitted``: sizes whose counts define the polynomial.
    ``checked``: other sizes at which the polynomial gives the count.
    ``missed``: sizes at which the polynomial does not give the count.
    ``step``: the polynomial holds only for n = ``offset`` mod ``step``. All sizes of ``fitted`` and
    ``checked`` are of this form.
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
        """The remainder of ``fitted`` and ``checked`` sizes on division by ``step``."""
        return self.fitted[0] % self.step if self.fitted else 0

    def __call__(self, n: int) -> int:
        """The count at size ``n``: as counted there, or else by the polynomial.

        Raises ``InputError`` if ``n`` was not counted and the polynomial does not hold for it.
        """
        counted = dict(self.points).get(n)
        if counted is not None:
            return counted
        if self.polynomial is None:
            raise InputError(
                f"{self.what}({n}): {self.what} are not a polynomial of n. To fix it: count at {n}."
            )
        if n % self.step != self.offset:
            raise InputError(
                f"{self.what}({n}): the polynomial holds only for {self.known_for}. "
                f"To fix it: count at {n}, or at sizes without a common step."
            )
        value = self.polynomial(n)
        if value.denominator != 1:
            raise InputError(
                f"{self.what}({n}): the polynomial gives {value}, which is not a whole number. "
                f"To fix it: count at {n}."
            )
        return int(value)

    @property
    def known_for(self) -> str:
        """The sizes for which the polynomial holds, in words."""
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
    """The growth of a count. ``points``: the count by size, with the sizes in rising order.

    Fits the lowest-degree polynomial through all sizes. Failing that, fits one through the largest
    set of at least four sizes that are multiples of some step.
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
    """All sizes, then each set of at least four that are multiples of a step, the largest first."""
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
        (each for each in shared if LEAST <= len(each) < len(sizes)),
        key=lambda each: (-len(each), each),
    )


def _exact(points: list[tuple[int, int]]) -> Polynomial | None:
    """The polynomial of the lowest degree through all points.

    At least one point is not needed to define it, so that it is checked. None if there is none.
    """
    for degree in range(min(DEGREES, len(points) - 2) + 1):
        found = Polynomial.through(points[: degree + 1])
        if all(found(n) == value for n, value in points[degree + 1 :]):
            return found
    return None

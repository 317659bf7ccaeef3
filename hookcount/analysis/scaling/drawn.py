"""``Drawn``: the growth of a model's counts as a figure of plotly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from ...core.errors import InputError, error_text, near
from ...core.ops import Ops, flops
from ...rules.convention import Convention
from ...tables.figures.figure import PALETTE, Figure, Heading
from ...tables.figures.lines import Line, Style, lines
from ..roles.roles import ROLES
from .growth import Growth, fit
from .point import Point

FIGURES = ("macs", "flops", "figure")
_POINTS = 80
"""A line has about so many points."""


class Drawn:
    """Counts at several sizes that can be drawn."""

    model: str
    points: tuple[Point, ...]
    refused: tuple[int, ...]
    uncounted: tuple[str, ...]
    convention: Convention

    def plot(
        self,
        figure: Literal["macs", "flops", "figure"] | None = None,
        *,
        title: str = "",
    ) -> Figure:
        """A figure of plotly: the counts at each size as points, their polynomials as lines.

        There is a line for the model and one for each role. Both axes are logarithmic. ``figure``:
        ``"macs"``, ``"flops"``, or ``"figure"``, that of the convention. The default is MACs, and
        under another convention its figure. ``title``: the name of the model.

        Needs ``pip install 'hookcount[plot]'``, else raises ``MissingPackageError``. Raises
        ``InputError`` for an unknown figure.
        """
        what, of = self._which(figure)
        whole = fit(what, {point.n: of(point.total) for point in self.points})
        found = [*_lines(self.model, whole, PALETTE[0], "line")]
        parts = {
            role: fit(what, {point.n: of(point.by_role[role]) for point in self.points})
            for role in ROLES
            if any(of(point.by_role[role]) for point in self.points)
        }
        for place, (role, growth) in enumerate(parts.items() if len(parts) > 1 else (), 1):
            found += _lines(role, growth, PALETTE[place % len(PALETTE)], "dashed")
        heading = Heading(f"{title or self.model}: {what} by size", self._facts(whole))
        return lines(found, what, [point.n for point in self.points], heading)

    def _which(self, figure: str | None) -> tuple[str, Callable[[Ops], int]]:
        """The name of a figure, and how it comes of work."""
        convention = self.convention
        chosen = figure or ("macs" if convention.name == "default" else "figure")
        if chosen == "macs":
            return "MACs", lambda ops: ops.macs
        if chosen == "flops":
            return "FLOPs", flops
        if chosen != "figure":
            use = ", ".join(near(str(chosen), FIGURES) or FIGURES)
            what = f"there is no figure {chosen!r}"
            raise InputError(error_text("plot(figure=...)", what, f"use one of {use}"))
        named = convention.name != "default"
        name = f"{convention.name} {convention.unit}" if named else convention.unit
        return name, convention.figure

    def _facts(self, whole: Growth) -> Iterator[str]:
        yield str(whole)
        if self.uncounted:
            yield "a lower bound: some work is uncounted"
        yield f"convention: {self.convention.name}"
        if self.refused:
            yield f"does not run at n = {', '.join(map(str, self.refused))}"


def _lines(name: str, growth: Growth, colour: str, style: Style) -> Iterator[Line]:
    """The polynomial as a line, and the points that were counted."""
    if growth.polynomial is not None:
        points = [(n, round(growth.polynomial(n))) for n in _between(growth)]
        texts = [(name, *_said(growth, each), str(growth)) for each in points]
        yield Line(name, points, texts, style, colour)
    for missed in (False, True):
        points = [each for each in growth.points if (each[0] in growth.missed) == missed]
        said = "counted; the line does not hold here" if missed else "counted"
        texts = [(name, *_said(growth, each), said) for each in points]
        of_a_line = growth.polynomial is not None
        if points:
            mark: Style = "crosses" if missed else "marks"
            yield Line(name, points, texts, mark, colour, not of_a_line)


def _said(growth: Growth, point: tuple[int, int]) -> tuple[str, str]:
    return f"n = {point[0]:,}", f"{point[1]:,} {growth.what}"


def _between(growth: Growth) -> list[int]:
    """Sizes from the first to the last one, at which the polynomial holds."""
    first, last = growth.points[0][0], growth.points[-1][0]
    even = [first * (last / first) ** (place / _POINTS) for place in range(_POINTS + 1)]
    step, offset = growth.step, growth.offset
    found = {round((n - offset) / step) * step + offset for n in even}
    return sorted(n for n in found if first <= n <= last)

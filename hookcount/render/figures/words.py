"""The texts of a figure: its heading, and what a pointer shows of a piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...analysis.folding.row import Row
from ...core.names import clean
from ...core.units import percent, si
from ...pricing.priced import Priced
from ...tables.figures.figure import Heading
from ..cells import MEAN
from ..row_types import Texts
from .counted import Counted
from .pieces import Piece

TIMES = "×"


class Words:
    """The texts of pieces of a model."""

    def __init__(self, priced: Priced, figure: Counted, whole: int, found: Sequence[Piece]) -> None:
        self._figure = figure
        self._whole = whole
        self._types = Texts(priced.records, [row for each in found for row in each.rows])

    def label(self, piece: Piece) -> str:
        """A short name, with the number of equal modules."""
        return _times(clean(piece.name), _count(piece))

    def path(self, piece: Piece) -> str:
        """The path, with the number of equal modules."""
        return _times(clean(piece.path), _count(piece))

    def type(self, piece: Piece) -> str:
        """The type of the modules, or the ops that a module ran itself. Empty for several rows."""
        return clean(self._types.type(piece.rows[0])) if len(piece.rows) == 1 else ""

    def value(self, piece: Piece) -> str:
        """The figure of all its modules, and its share."""
        return " · ".join([si(piece.value), *self.share(piece)])

    def share(self, piece: Piece) -> list[str]:
        """The share of all. Nothing if there is none."""
        text = percent(piece.value, self._whole)
        return ["<0.1%" if text == "0.0%" else text] if text else []

    def hover(self, piece: Piece, role: str) -> list[str]:
        """All that is known of a piece, line by line."""
        unit, count = self._figure.unit, _count(piece)
        exact = f"{piece.value:,} {unit}"
        lines = [piece.path, self.type(piece)]
        if count > 1:
            lines += [f"{count:,} modules; one: {self._of_one(piece.rows[0], count)} {unit}"]
            exact = f"all: {exact}"
        share = "".join(self.share(piece))
        return [*lines, exact, f"{share} of all {unit}" if share else "", role]

    def _of_one(self, row: Row, count: int) -> str:
        each = self._figure.of_each(row)
        if len(set(each)) == 1:
            return f"{each[0]:,}"
        return f"{MEAN}{si(sum(each) // count)}"


def heading(priced: Priced, figure: Counted, whole: int, title: str) -> Heading:
    """The name of the model and the figure, then how it was counted."""
    return Heading(f"{title or priced.tree.type}: {si(whole)} {figure.unit}", facts(priced))


def facts(priced: Priced) -> Iterator[str]:
    """How a model was counted, in short texts."""
    if priced.uncounted:
        yield "a lower bound: some work is uncounted"
    yield f"convention: {priced.convention.name}"
    yield from [f"input: {each}" for each in priced.tree.inputs[:1]]
    yield f"{priced.run} run"
    yield f"hookcount {priced.versions.get('hookcount', '')}"
    yield priced.origin


def _count(piece: Piece) -> int:
    return piece.rows[0].count if len(piece.rows) == 1 else 1


def _times(text: str, count: int) -> str:
    return f"{text} {TIMES}{count:,}" if count > 1 else text

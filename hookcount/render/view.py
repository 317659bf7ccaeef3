"""``TreeView``: the folded tree of a count, at most as wide and as long as a screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..analysis.folding.fold import folded, unfolded
from ..analysis.folding.opening import ROWS, Line, Order, first_view, lines, to_depth
from ..analysis.folding.row import Row
from ..core.names import clean
from ..pricing.priced import Priced
from ..tables.cutting import wrapped
from ..tables.grid import Renderable, paragraph
from ..tables.sheet import Fitted, Sheet
from .cells import MEAN, More, sheet

LINES = 43
"""A first view has at most so many lines. A title of two lines may be added above."""
_LEAST = 5


@dataclass(frozen=True, eq=False)
class TreeView(Fitted):
    """The module tree below a heading, with notes. Without ``depth`` it is as much as fits."""

    priced: Priced
    heading: str = ""
    depth: int | None = None
    """All rows down to this depth, and none beneath."""
    fold: bool = True
    """Whether equal modules are one row. If not, each module has a row."""
    order: Order | None = None
    """The order of siblings, by default that of the model."""
    more: Sequence[More] = ()
    """Columns to the right."""
    columns: Sequence[str] | None = None
    """Those to show, of ``cells.COLUMNS``. None: all."""
    added: Sequence[str] = ()
    """Others to show, of ``quantities.sorts``."""
    hint: str = ""
    """How to see what is hidden."""
    subheading: str = ""

    def parts(self, width: int) -> Iterator[Renderable]:
        """What to show, one below the other."""
        root = folded(self.priced.tree) if self.fold else unfolded(self.priced.tree)
        rows = ROWS
        while True:
            found = self._lines(root, rows)
            table = sheet(self.priced, found, self.more, self.columns, self.added)
            shown = list(self._around(root, found, table, width))
            over = len(found) + 1 + sum(length for _, _, length in shown) - LINES
            if over <= 0 or self.depth is not None or not self.fold or rows <= _LEAST:
                break
            rows = max(_LEAST, min(rows, len(found)) - over)
        for text, style, _ in shown:
            if style == "bold":
                yield paragraph(text, style)
        yield table
        for text, style, _ in shown:
            if style != "bold":
                yield paragraph(text, style)

    def _lines(self, root: Row, rows: int) -> list[Line]:
        if self.depth is not None or not self.fold:
            opening = to_depth(root, self.depth)
        else:
            opening = first_view(root, rows)
        return list(lines(root, opening, self.order))

    def _around(
        self, root: Row, found: list[Line], table: Sheet, width: int
    ) -> Iterator[tuple[str, str, int]]:
        """The texts above (bold) and below the table, with the number of their lines."""
        heads = [(self.heading, "bold"), (self.subheading, "bold")]
        texts = [*heads, *doubts(self.priced)]
        notes = " ".join(self._notes(root, found, table))
        for text, style in [*texts, (notes, "dim")]:
            if text:
                within = wrapped(text, width)
                yield "\n".join(within), style, len(within)

    def _notes(self, root: Row, found: Sequence[Line], table: Sheet) -> Iterator[str]:
        """What the signs of the table mean, and what is not shown."""
        closed = any(line.closed for line in found)
        several = any(line.row.count > 1 for line in found)
        if closed:
            yield "+: not all beneath is shown."
        if several:
            yield "Nx: N equal modules; figures are of one, shares of all."
        if any(each.startswith(MEAN) for column in table.columns[1:] for each in column.cells):
            yield f"{MEAN}: a mean of modules that differ."
        if root.left_out:
            plural = "s" * (root.left_out != 1)
            yield f"{root.left_out} module{plural} without work and parameters not shown."
        if self.hint and self.fold and (closed or several or root.left_out):
            yield self.hint


def doubts(priced: Priced) -> Iterator[tuple[str, str]]:
    """Why the figures may be wrong, and the style of each text."""
    if priced.backward_seen and not priced.step_seen:
        text = "A backward pass ran too. These figures are for the forward pass only."
        yield text, "yellow"
    if priced.uncounted:
        names = ", ".join(clean(each.target) for each in priced.uncounted)
        text = f"Uncounted, so the figures are a lower bound: {names} (see report.uncounted)"
        yield text, "bold yellow"

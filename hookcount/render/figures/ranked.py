"""The modules with the most work as bars."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.folding.opening import to_depth
from ...analysis.folding.row import Row
from ...pricing.priced import Priced
from ...tables.figures.bars import Series, bars
from ...tables.figures.figure import Figure
from ..data import ROOT
from .counted import Counted
from .fills import Fills
from .pieces import Piece, Values, itself, within
from .words import Words, heading

BARS = 30
"""At most so many bars, and one for all others."""


def ranked(priced: Priced, figure: Counted, root: Row, depth: int | None, title: str) -> Figure:
    """A bar for each module, by what it has itself, the largest first. They sum to the total."""
    value, fills = Values(root, figure), Fills(priced, figure)
    found = sorted(_apart(root, value, depth), key=lambda each: -each.value)
    if len(found) > BARS + 1:
        rest = found[BARS:]
        rows = tuple([row for each in rest for row in each.rows])
        name = f"({len(rest):,} others)"
        found = [*found[:BARS], Piece(name, name, rows, sum([each.value for each in rest]))]
    words = Words(priced, figure, value(root), found)
    roles = [fills.role(each.rows) for each in found]
    series = [
        Series(
            name=role or "of no known role",
            unit=figure.unit,
            values=[
                each.value if mine == role else None
                for each, mine in zip(found, roles, strict=True)
            ],
            texts=[words.value(each) for each in found],
            hovers=[words.hover(each, mine) for each, mine in zip(found, roles, strict=True)],
            colour=fills.fill(role),
        )
        for role in [*[name for name, _ in fills.key(roles)], *([""] if "" in roles else [])]
    ]
    labels = [words.path(each) for each in found]
    top = heading(priced, figure, value(root), title)
    return bars(labels, series, top, mode="overlay", legend=len(series) > 1)


def _apart(root: Row, value: Values, depth: int | None) -> Iterator[Piece]:
    """Pieces that are not within each other: rows that are closed, and what open ones did."""
    is_open = to_depth(root, depth).children
    waiting = [(root, ROOT)]
    while waiting:
        row, path = waiting.pop()
        if id(row) not in is_open:
            if value(row):
                yield Piece(row.name, path, (row,), value(row))
            continue
        if value.own(row):
            yield Piece(row.name, within(path, "(itself)"), (itself(row),), value.own(row))
        waiting += [(each, within(path, each.name)) for each in reversed(row.children)]

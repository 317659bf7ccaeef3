"""A model as cells within cells."""

from __future__ import annotations

from ...analysis.folding.row import Row
from ...core.names import clean
from ...pricing.priced import Priced
from ...tables.figures.figure import Figure
from ...tables.figures.nested import Cell, Nesting, nested
from .counted import Counted
from .fills import Fills
from .pieces import Values, pieces
from .words import Words, heading


def nesting(
    kind: Nesting, priced: Priced, figure: Counted, root: Row, depth: int | None, title: str
) -> Figure:
    """Each module as a cell in the cell of its parent, as large as its figure."""
    value = Values(root, figure)
    found = pieces(root, value, depth)
    words, fills = Words(priced, figure, value(root), found), Fills(priced, figure)
    roles = [fills.role(each.rows) for each in found]
    names = [clean(title or priced.tree.type), *[words.label(each) for each in found[1:]]]
    cells = [
        Cell(
            label=name,
            value=each.value,
            parent=each.parent,
            text=words.value(each),
            hover=words.hover(each, role),
            colour=fills.fill(role),
        )
        for name, each, role in zip(names, found, roles, strict=True)
    ]
    return nested(kind, cells, heading(priced, figure, value(root), title), fills.key(roles))

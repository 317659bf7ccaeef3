"""In which order siblings of a tree are shown: the largest first, or by text."""

from __future__ import annotations

import re

from ..analysis.folding.opening import Order
from ..pricing.priced import Priced
from .quantities import TEXTS, numbers


def order(priced: Priced, column: str) -> Order:
    """The order of siblings by a column of ``quantities.sorts``. Texts go up, as names do."""
    if column == "path":
        return lambda row: _natural(row.name)
    if column == "type":
        return lambda row: row.type
    if column in TEXTS:
        name = column.replace("_shapes", "s")
        return lambda row: "; ".join(getattr(row.nodes[0], name))
    values = numbers(priced, column)
    return lambda row: -sum(values(row))


def _natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A name as a key: its numbers are compared as numbers.

    >>> sorted(["10", "9", "b2", "b10"], key=_natural)
    ['9', '10', 'b2', 'b10']
    """
    parts = re.findall(r"[0-9]{1,18}|[^0-9]+", name)
    return tuple([(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts])

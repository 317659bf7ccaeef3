"""``pieces``: the parts of a model that are drawn, some hundred at most."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ...analysis.folding.opening import DEAR
from ...analysis.folding.row import Row
from ..data import ROOT
from .counted import Counted

MOST = 300
"""A figure has at most so many pieces."""
_SMALL = 0.001
"""Pieces with a smaller share of all become one."""
_OF_SMALL = 40
"""Where all pieces in a large one are small, so many are drawn."""
_ITSELF = 0.01
"""What a module with children has itself is a piece from this share of all on."""


@dataclass(frozen=True)
class Piece:
    """Modules that are drawn as one."""

    name: str
    path: str
    rows: tuple[Row, ...]
    """One, or several small ones."""
    value: int
    """The figure of all its modules."""
    parent: int | None = None
    """The place of the piece around it, which comes before it."""


class Values:
    """The figure of each row of a tree, with all rows beneath."""

    def __init__(self, root: Row, figure: Counted) -> None:
        self._own: dict[int, int] = {}
        self._whole: dict[int, int] = {}
        for row in reversed(list(root)):
            own = self._own[id(row)] = figure.own(row)
            self._whole[id(row)] = own + sum([self._whole[id(each)] for each in row.children])

    def own(self, row: Row) -> int:
        """What a row has itself."""
        return self._own[id(row)]

    def __call__(self, row: Row) -> int:
        return self._whole[id(row)]


def pieces(root: Row, value: Values, depth: int | None, most: int = MOST) -> list[Piece]:
    """The largest pieces, down to ``depth``. The pieces in a piece sum to it or to less."""
    whole = value(root)
    found = [Piece(root.name, ROOT, (root,), whole)]
    waiting = [(-whole, 0, 0)]
    while waiting:
        _, place, level = heapq.heappop(waiting)
        around = found[place]
        is_closed = len(around.rows) > 1 or not around.rows[0].children
        if is_closed or (depth is not None and level >= depth):
            continue
        for rows, size in _inside(around.rows[0], value, whole, most - len(found)):
            name = rows[0].name if len(rows) == 1 else _others(rows)
            heapq.heappush(waiting, (-size, len(found), level + 1))
            found.append(Piece(name, within(around.path, name), rows, size, place))
    return found


def within(path: str, name: str) -> str:
    """The path of a row in another one.

    >>> within("(model)", "layers.0-5"), within("layers.0-5", "conv")
    ('layers.0-5', 'layers.0-5.conv')
    """
    return name if path == ROOT else f"{path}.{name}"


def itself(row: Row) -> Row:
    """What a row with rows beneath has itself, as a row."""
    return replace(row, name="(itself)", kind="itself", children=(), total=row.own)


def _inside(
    row: Row, value: Values, whole: int, room: int
) -> Iterator[tuple[tuple[Row, ...], int]]:
    """The pieces in a row with their figures, at most ``room``. Small rows are one piece."""
    some = [each for each in row.children if value(each)]
    own = value.own(row)
    shows_own = bool(some) and own >= _ITSELF * whole
    room -= shows_own
    kept = sorted([each for each in some if value(each) >= _SMALL * whole], key=value)
    if not kept and value(row) >= DEAR * whole:
        kept = sorted(some, key=value)[-_OF_SMALL:]
    if len(some) - len(kept) == 1:
        kept = some
    if len(kept) + (len(kept) < len(some)) > room:
        kept = kept[-max(0, room - 1) :] if room > 1 else []
    if not kept:
        return
    chosen = {id(each) for each in kept}
    rest = tuple([each for each in some if id(each) not in chosen])
    yield from [((each,), value(each)) for each in some if id(each) in chosen]
    if rest:
        yield rest, sum(map(value, rest))
    if shows_own:
        yield (itself(row),), own


def _others(rows: Sequence[Row]) -> str:
    return f"({sum(len(each.nodes) for each in rows):,} others)"

"""Which rows of a folded tree are shown first, so that they fit on a screen."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, NamedTuple

from ...core.ops import NOTHING, flops
from .row import Row

ROWS = 40
"""A first view has at most so many rows."""
DEAR = 0.02
"""Below the common depth, a row is opened from this share of all work on."""

Order = Callable[[Row], Any]
"""The key by which siblings are sorted, the least first."""


class Opening(NamedTuple):
    """The open rows of a tree."""

    children: dict[int, tuple[Row, ...]]
    """By the ``id`` of an open row, the rows beneath that are shown."""
    depth: int
    """Down to this depth all rows are shown."""


class Line(NamedTuple):
    """A row as it is shown."""

    row: Row
    last: tuple[bool, ...]
    """Whether it is the last of its siblings, after the same for each row above but the root."""
    closed: bool
    """Whether rows beneath are not shown."""


def to_depth(root: Row, depth: int | None) -> Opening:
    """All rows down to a depth. None: all rows."""
    open_rows: dict[int, tuple[Row, ...]] = {}
    level, reached = [root], 0
    while level and (depth is None or reached < depth):
        open_rows.update((id(row), row.children) for row in level if row.children)
        level, reached = [child for row in level for child in row.children], reached + 1
    return Opening(open_rows, reached)


def first_view(root: Row, rows: int = ROWS) -> Opening:
    """At most so many rows: all down to the deepest depth that fits, then the dearest.

    Below the common depth, rows are opened that have most of the work, one of a kind. If the
    dearest has too many rows beneath and most of the space is free, its small ones become one row.
    """
    depth, used, frontier = _common_depth(root, rows)
    found = to_depth(root, depth)
    least, kinds = DEAR * flops(root.total), set[Hashable]()
    while True:
        frontier.sort(key=_work, reverse=True)
        dear = [row for row in frontier if _work(row) >= least and _kind(row) not in kinds]
        fitting = next((row for row in dear if used + len(row.children) <= rows), None)
        if fitting is None:
            break
        kinds.add(_kind(fitting))
        found.children[id(fitting)] = fitting.children
        used += len(fitting.children)
        frontier = [
            *(row for row in frontier if row is not fitting),
            *(child for child in fitting.children if child.children),
        ]
    if used < rows / 2 and (dear or root in frontier):
        found.children[id(dear[0] if dear else root)] = _the_dearest(
            (dear[0] if dear else root).children, rows - used
        )
    return found


def lines(root: Row, opening: Opening, order: Order | None = None) -> Iterator[Line]:
    """The rows to show, from top to bottom."""
    waiting: list[tuple[Row, tuple[bool, ...]]] = [(root, ())]
    while waiting:
        row, last = waiting.pop()
        shown = list(opening.children.get(id(row), ()))
        closed = (bool(row.children) and not shown) or row.kind == "others"
        yield Line(row, last, closed)
        if order is not None:
            shown.sort(key=order)
        waiting.extend((child, (*last, child is shown[-1])) for child in reversed(shown))


def _common_depth(root: Row, rows: int) -> tuple[int, int, list[Row]]:
    """The deepest depth down to which at most so many rows are, their number, the last to open."""
    level, depth, used = [root], 0, 1
    while True:
        below = [child for row in level for child in row.children]
        if not below or used + len(below) > rows:
            return depth, used, [row for row in level if row.children]
        level, depth, used = below, depth + 1, used + len(below)


def _work(row: Row) -> int:
    return flops(row.total)


def _kind(row: Row) -> Hashable:
    return row.type, tuple([child.type for child in row.children])


def _the_dearest(siblings: Sequence[Row], rows: int) -> tuple[Row, ...]:
    """At most so many rows, in order: those with most work, and one row for all others."""
    if len(siblings) <= rows:
        return tuple(siblings)
    dearest = sorted(siblings, key=lambda row: (_work(row), row.own_params), reverse=True)
    kept = {id(row) for row in dearest[: rows - 1]}
    others = [row for row in siblings if id(row) not in kept]
    return (*(row for row in siblings if id(row) in kept), _sum_of(others))


def _sum_of(rows: Sequence[Row]) -> Row:
    total = sum([row.total for row in rows], NOTHING)
    return Row(
        f"({sum(len(row.nodes) for row in rows)} others)",
        "others",
        tuple([node for row in rows for node in row.nodes]),
        (),
        own=total,
        total=total,
        own_params=sum([below.own_params for row in rows for below in row]),
        uncounted=sum([row.uncounted for row in rows]),
        left_out=sum([row.left_out for row in rows]),
    )

"""``icicles``: the rows of a tree as cells whose width is their share of a figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ...analysis.folding.row import Row
from ...analysis.roles.roles import Split
from ...core.errors import InputError
from ...core.names import clean, shortened
from ...core.ops import flops
from ...core.units import percent, si, size
from ...pricing.priced import Priced
from ...pricing.tree import Node
from .dominant import Dominant
from .tree import PageTree

CELLS = 400
"""A view has at most so many cells: the widest."""
LEVELS = 24
"""A view has at most so many levels."""
_LEAST = 0.0012
"""A cell is at least so wide, of the whole."""
_LONG_NAME, _LONG_PATH = 60, 120
_LAST = 2**63
"""The place of what never ran, after all that ran."""


class Cell(NamedTuple):
    """A row of the tree as a cell. ``left`` and ``width`` are in percent."""

    place: int
    """The index of its row."""
    depth: int
    left: float
    width: float
    name: str
    said: str
    """What it is, in full."""
    role: int | None
    """The place in ``ROLES`` of the role that has most of its work."""
    has_more: bool
    """Whether cells are below it."""


class Icicle(NamedTuple):
    """The cells of one figure, parents first, in order of execution."""

    title: str
    cells: Sequence[Cell]
    levels: int


def icicles(priced: Priced, tree: PageTree, roles: Split | None) -> Iterator[Icicle]:
    """A view for each figure that is not zero: the MACs or the convention's figure, and others."""
    started = _started(priced)
    order = {
        row: sorted(row.children, key=lambda each: _start(each, started))
        for row in tree.places
        if row.children
    }
    fills: dict[Row, int | None] = {}
    if roles is not None:
        dominant = Dominant(priced.tree, roles)
        fills = {row: dominant.role(row) for row in tree.places}
    for title, unit, figures, text in _figures(priced, tree):
        if figures[tree.root]:
            boxes = _chosen(_boxes(tree.root, figures, order))
            parents = {box.above for box in boxes}
            cells = [
                Cell(
                    tree.places[box.row],
                    box.depth,
                    100 * box.left,
                    100 * box.width,
                    _name(box.row),
                    _said(box, f"{text(figures[box.row])} {unit}"),
                    fills.get(box.row),
                    box.row in parents,
                )
                for box in boxes
            ]
            yield Icicle(title, cells, 1 + max(box.depth for box in boxes))


class _Box(NamedTuple):
    """A row at its place in a view. ``left`` and ``width`` are parts of the whole."""

    row: Row
    above: Row | None
    depth: int
    left: float
    width: float
    path: str


def _boxes(
    root: Row, figures: Mapping[Row, int], order: Mapping[Row, Sequence[Row]]
) -> Iterator[_Box]:
    """All boxes that are wide enough, parents first."""
    whole = figures[root]
    waiting: list[tuple[Row, Row | None, int, int, str]] = [(root, None, 0, 0, "")]
    while waiting:
        row, above, depth, start, path = waiting.pop()
        yield _Box(row, above, depth, start / whole, figures[row] / whole, path)
        below: list[tuple[Row, Row | None, int, int, str]] = []
        for child in order.get(row, ()) if depth + 1 < LEVELS else ():
            if figures[child] >= _LEAST * whole:
                inner = f"{path}.{child.name}" if path else child.name
                below.append((child, row, depth + 1, start, inner))
            start += figures[child]
        waiting += reversed(below)


def _chosen(boxes: Iterator[_Box]) -> list[_Box]:
    """The widest boxes, in their order. A parent is never narrower than what is below it."""
    found = list(boxes)
    widest = sorted(found, key=lambda box: (-box.width, box.depth))[:CELLS]
    kept = {id(box) for box in widest}
    return [box for box in found if id(box) in kept]


def _figures(
    priced: Priced, tree: PageTree
) -> Iterator[tuple[str, str, dict[Row, int], Callable[[float], str]]]:
    """The title, the unit, the figure of each row, and how a figure is written."""
    rows = list(tree.places)
    figure = priced.convention.figure
    if priced.convention.name == "default":
        yield "MACs", "MACs", {row: row.total.macs for row in rows}, si
    else:
        name = shortened(clean(priced.convention.name), 20)
        title = f"{name} ({priced.unit})"
        yield title, priced.unit, {row: figure(row.total) for row in rows}, si
    yield "FLOPs", "FLOPs", {row: flops(row.total) for row in rows}, si
    params: dict[Row, int] = {}
    for row in reversed(rows):
        params[row] = row.own_params + sum([params[child] for child in row.children])
    yield "parameters", "parameters", params, si
    stored = _output_bytes(priced.tree)
    found = {
        row: 0 if row.kind == "itself" else sum([stored[node.path] for node in row.nodes])
        for row in rows
    }
    yield "outputs", "of outputs", found, size


def _output_bytes(tree: Node) -> dict[str, int]:
    """By path, the bytes of the outputs of the innermost modules that ran, there or beneath."""
    found: dict[str, int] = {}
    for node in reversed(list(tree)):
        below = sum([found[child.path] for child in node.children])
        found[node.path] = below or node.output_bytes
    return found


def _started(priced: Priced) -> dict[str, int]:
    """By path, when a module or one beneath ran first. Empty if the report holds no calls."""
    try:
        runs = priced.trace.runs
    except InputError:
        return {}
    found: dict[str, int] = {}
    for place, run in enumerate(runs):
        path = run.path
        while run.phase == "forward" and path and path not in found:
            found[path] = place
            path = path.rpartition(".")[0]
    return found


def _start(row: Row, started: Mapping[str, int]) -> int:
    return _LAST if row.kind == "itself" else started.get(row.path, _LAST - 1)


def _name(row: Row) -> str:
    times = f" {row.count}x" if row.count > 1 else ""
    return shortened(clean(row.name), _LONG_NAME) + times


def _said(box: _Box, figure: str) -> str:
    row = box.row
    parts = [shortened(clean(box.path or row.name), _LONG_PATH)]
    if row.type:
        parts.append(shortened(clean(row.type), _LONG_NAME))
    if row.count > 1:
        parts.append(f"{row.count}x")
    return " · ".join([*parts, f"{figure}, {percent(box.width, 1)}"])

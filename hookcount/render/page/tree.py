"""The folded tree of a count as the rows of a page: nested, each open or closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ...analysis.folding.fold import folded, unfolded
from ...analysis.folding.opening import ROWS, first_view, lines, to_depth
from ...analysis.folding.row import Row
from ...core.ops import flops
from ...pricing.priced import Priced
from ..cells import BAR, COLUMNS, MEAN, TIMES, More, sheet
from .tree_style import layout

_CUT = "Not all rows are here. report.to_html(FILE) has all of them."


class PageRow(NamedTuple):
    """A row of the tree, and the tags around it."""

    cells: tuple[str, ...]
    mark: str
    """A sign after the name: ``?`` where work is uncounted, there or beneath."""
    part: float
    """The length of its bar, up to 1."""
    figures: tuple[int, ...]
    """Those of all its modules: params, the convention's figure, MACs, FLOPs. Then the FLOPs that
    no row beneath has."""
    depth: int
    has_rows: bool
    is_open: bool
    ends: int
    """How many rows above end with this one."""


@dataclass(frozen=True)
class PageTree:
    """Rows in order. ``titles`` name their cells: the first is the module, the last the share."""

    titles: tuple[str, ...]
    rows: Sequence[PageRow]
    modules: int
    notes: tuple[str, ...]
    root: Row
    places: Mapping[Row, int]
    """The index of each row of the folded tree."""

    @property
    def layout(self) -> str:
        """The class of trees with these columns."""
        return layout(self.titles)

    @property
    def sorts(self) -> dict[str, int]:
        """By the title of a column of figures, the place of its figure in ``PageRow.figures``."""
        others = ("module", "type", "output", "calls", TIMES, *self.titles[-1:])
        return {each: at for at, each in enumerate(t for t in self.titles if t not in others)}


def page_tree(
    priced: Priced,
    depth: int | None = None,
    *,
    fold: bool = True,
    columns: Sequence[str] | None = None,
    most: int = ROWS,
    limit: int | None = None,
    more: Sequence[More] = (),
) -> PageTree:
    """All rows of the tree. ``fold``: equal modules are one row, as in a terminal.

    Rows are open down to ``depth``. Else as many are in view as fit in ``most`` rows. ``columns``:
    those to show, of ``cells.COLUMNS``. If there are over ``limit`` rows, only those in view are
    there. ``more``: columns before the share.
    """
    root = folded(priced.tree) if fold else unfolded(priced.tree)
    is_open, all_rows = _open(root, depth, most), to_depth(root, None)
    shown = list(lines(root, all_rows))
    cut = limit is not None and len(shown) > limit
    if cut:
        all_rows = first_view(root, most)
        shown = list(lines(root, all_rows))
    table = [each for each in sheet(priced, shown, more, columns).columns if each.title != BAR]
    table.sort(key=lambda column: column.title in COLUMNS["share"])  # the share has the bar
    cells = zip(*[column.cells for column in table], strict=True)
    depths = [len(line.last) for line in shown]
    rows = [
        PageRow(
            cells=texts,
            mark="?" if line.row.uncounted else "",
            part=_part(priced, line.row),
            figures=_figures(priced, line.row),
            depth=len(line.last),
            has_rows=id(line.row) in all_rows.children,
            is_open=cut or id(line.row) in is_open,
            ends=0 if id(line.row) in all_rows.children else len(line.last) - after,
        )
        for line, texts, after in zip(shown, cells, [*depths[1:], 0], strict=True)
    ]
    titles = tuple([column.title for column in table])
    notes = (*_notes(rows, titles, root.left_out), *([_CUT] if cut else []))
    places = {line.row: place for place, line in enumerate(shown)}
    return PageTree(titles, rows, sum(1 for _ in priced.tree), notes, root, places)


def _open(root: Row, depth: int | None, most: int) -> set[int]:
    """The ``id`` of each open row. A row with very many beneath is closed, but for the root."""
    if depth is not None:
        return set(to_depth(root, depth).children)
    found = first_view(root, most).children.items()
    several = [key for key, below in found if all(row.kind != "others" for row in below)]
    return {*several, id(root)}


def _figures(priced: Priced, row: Row) -> tuple[int, ...]:
    total, figure = row.total, priced.convention.figure
    own = [] if priced.convention.name == "default" else [figure(total)]
    return sum(row.params()), *own, total.macs, flops(total), flops(row.own)


def _part(priced: Priced, row: Row) -> float:
    if priced.convention.name == "default":
        part, whole = row.total.macs, priced.macs
    else:
        part, whole = priced.convention.figure(row.total), priced.headline
    return part / whole if whole else 0.0


def _notes(rows: Sequence[PageRow], titles: Sequence[str], left_out: int) -> tuple[str, ...]:
    """What the signs mean, and what is not shown."""
    found = []
    if TIMES in titles:
        found.append("Nx: N equal modules; figures are of one, shares of all.")
    if any(each.startswith(MEAN) for row in rows for each in row.cells[1:]):
        found.append(f"{MEAN}: a mean of modules that differ.")
    if any(row.mark for row in rows):
        found.append("?: some work there or beneath is uncounted.")
    if left_out:
        plural = "s" * (left_out != 1)
        found.append(f"{left_out} module{plural} without work and parameters not shown.")
    return tuple(found)

"""The rows of a folded tree as the columns of a sheet, and how the sheet becomes narrow."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

from ..analysis.folding.opening import Line
from ..analysis.folding.row import Row
from ..core.names import clean
from ..core.ops import Ops, flops
from ..core.units import percent, si, size
from ..pricing.priced import Priced
from ..pricing.tree import Node
from ..tables.columns import Column, TreeColumn
from ..tables.cutting import middle
from ..tables.sheet import Fit, Sheet
from .quantities import TEXTS, numbers
from .row_types import Texts

MEAN = "~"
"""It stands before the mean of figures that differ."""
_FIGURE = "figure"
COLUMNS = {
    "module": {"module"},
    "type": {"type"},
    "output": {"output"},
    "calls": {"calls"},
    "params": {"params"},
    "figure": {_FIGURE},
    "macs": {"MACs"},
    "flops": {"FLOPs"},
    "share": {"% MACs", "share"},
    "path": {"module"},
    "output_shapes": {"output"},
    "macs_share": {"% MACs", "share"},
}
"""The usual columns, with their titles. The module is always shown."""
TIMES, BAR = "", " "
"""Titles of columns that have no title to read."""
_EIGHTHS = "▏▎▍▌▋▊▉"
_BAR = 10
_LONGEST_CONVENTION = 12
_WIDE = 100
"""Narrower sheets have neither calls nor outputs."""


class More(NamedTuple):
    """A column besides those of a count."""

    title: str
    cell: Callable[[Node], str]
    of_many: Callable[[Sequence[Node]], str] | None = None
    """The cell of a row that stands for several modules."""


def sheet(
    priced: Priced,
    lines: Sequence[Line],
    more: Sequence[More] = (),
    chosen: Collection[str] | None = None,
    added: Sequence[str] = (),
) -> Sheet:
    """Lines of a folded tree as a sheet.

    ``chosen``: the columns to show, of ``COLUMNS``. None: all. ``added``: others, of
    ``quantities.sorts``.
    """
    rows = [line.row for line in lines]
    share = [_share(priced, row) for row in rows]
    texts = Texts(priced.records, rows)
    own = priced.convention.name != "default"
    name = middle(clean(priced.convention.name), _LONGEST_CONVENTION)
    figures = [[_of_works(row, _figure(priced)) for row in rows]] if own else []
    columns = [
        TreeColumn(
            "module",
            [clean(row.name) for row in rows],
            most=80,
            last=[line.last for line in lines],
            marks=[_mark(line) for line in lines],
        ),
        Column("type", [clean(texts.type(row)) for row in rows], style="cyan", most=60),
        Column("output", [clean(_output(row)) for row in rows], style="dim", most=44),
        Column("calls", [_calls(row) for row in rows], right=True),
        Column(TIMES, [f"{row.count}x" if row.count > 1 else "" for row in rows], right=True),
        Column("params", [of_one(row.params()) for row in rows], right=True),
        *(Column(f"{name} ({priced.unit})", found, right=True) for found in figures),
        Column("MACs", [_of_works(row, _macs) for row in rows], right=True),
        Column("FLOPs", [_of_works(row, flops) for row in rows], right=True),
        Column("share" if own else "% MACs", [text for text, _ in share], right=True),
        *(_added(priced, each, rows) for each in added),
        *(Column(each.title, [_more(each, row) for row in rows], right=True) for each in more),
        Column(BAR, [_bar(part) for _, part in share], style="blue", in_terminals=True),
    ]
    titles = {title for each in COLUMNS for title in COLUMNS[each]}
    kept = titles if chosen is None else {title for each in chosen for title in COLUMNS[each]}
    kept |= {"module", *([f"{name} ({priced.unit})"] if _FIGURE in kept else [])}
    titles |= {f"{name} ({priced.unit})"}
    shown = [each for each in columns if each.title in kept or each.title not in titles]
    return Sheet([each for each in shown if _has_content(each)], _fits(own))


def _added(priced: Priced, name: str, rows: Sequence[Row]) -> Column:
    """A column of a table of modules: ``"backward_macs"`` has the title ``backward MACs``."""
    title = name.replace("_", " ").replace("macs", "MACs").replace("flops", "FLOPs")
    if name in TEXTS:
        return Column(title, [clean(_shapes(row, name)) for row in rows], style="dim", most=44)
    values, show = numbers(priced, name), size if name.endswith("_bytes") else si
    return Column(title, [of_one(values(row), show) for row in rows], right=True)


def of_one(figures: Sequence[int], show: Callable[[float], str] = si) -> str:
    """The figure of one of several modules, or the mean if they differ. Empty for zero.

    >>> of_one([1500, 1500]), of_one([1000, 2000]), of_one([0, 0])
    ('1.50 k', '~1.50 k', '')
    """
    if len(set(figures)) == 1:
        return show(figures[0]) if figures[0] else ""
    return f"{MEAN}{show(_mean(figures))}"


def _mean(figures: Sequence[int]) -> float:
    """The mean. It is rounded to a whole number only where a float would not hold it."""
    total, count = sum(figures), len(figures)
    return total // count if total % count == 0 or total >= 2**53 else total / count


def _fits(figure: bool) -> Callable[[int], Iterator[Fit]]:
    """What gives way, one after the other. ``figure``: whether a convention's figure is shown."""

    def fits(width: int) -> Iterator[Fit]:
        yield Fit()
        without = frozenset([BAR]) if width >= _WIDE else frozenset([BAR, "calls", "output"])
        yield Fit(without)
        yield Fit(without, indent=2)
        yield Fit(without, indent=2, least={"type": 12})
        without |= {"calls", "output"}
        yield Fit(without, indent=2, least={"type": 10})
        for title in ("type", "FLOPs", "params", *(["MACs"] if figure else [])):
            without |= {title}
            yield Fit(without, indent=2)
        yield Fit(without, indent=1)
        for least in (12, 6):
            yield Fit(without, indent=1, least={"module": least})

    return fits


def _has_content(column: Column) -> bool:
    if column.title == "calls":
        return any(each not in ("", "0") for each in column.cells)
    return column.title != TIMES or any(column.cells)


def _mark(line: Line) -> str:
    doubt = line.row.uncounted
    if not line.closed:
        doubt -= sum(child.uncounted for child in line.row.children)
    return (" +" if line.closed else "") + (" ?" if doubt else "")


def _output(row: Row) -> str:
    return _shapes(row, "output_shapes")


def _shapes(row: Row, name: str) -> str:
    """The first shapes of a module's inputs or outputs, and how many others there are."""
    if row.kind != "module":
        return ""
    of = _inputs if name == "input_shapes" else _outputs
    found = of(row.nodes[0])
    if any(of(node) != found for node in row.nodes[1:] if node.distinct != row.nodes[0].distinct):
        return "differ"
    return (found[0] if found else "") + (f" +{len(found) - 1}" if len(found) > 1 else "")


def _inputs(node: Node) -> tuple[str, ...]:
    return node.inputs


def _outputs(node: Node) -> tuple[str, ...]:
    return node.outputs


def _calls(row: Row) -> str:
    calls = {node.calls for node in row.nodes} if row.kind == "module" else {1}
    return "" if calls == {1} else of_one([node.calls for node in row.nodes]) or "0"


def _macs(ops: Ops) -> int:
    return ops.macs


def _figure(priced: Priced) -> Callable[[Ops], int]:
    return _macs if priced.convention.name == "default" else priced.convention.figure


def _of_works(row: Row, figure: Callable[[Ops], int]) -> str:
    return of_one([figure(each) for each in row.works()])


def _share(priced: Priced, row: Row) -> tuple[str, float]:
    """The share of all that a row has: as text, and as a number up to 1."""
    figure = _figure(priced)
    part, whole = figure(row.total), figure(priced.total)
    if not part or not whole:
        return "", 0.0
    text = percent(part, whole)
    return "<0.1%" if text == "0.0%" else text, part / whole


def _more(column: More, row: Row) -> str:
    if row.kind != "module":
        return ""
    if len(row.nodes) == 1 or column.of_many is None:
        return column.cell(row.nodes[0])
    return column.of_many(row.nodes)


def _bar(part: float) -> str:
    eighths = round(part * _BAR * 8)
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8 - 1] if eighths % 8 else "")

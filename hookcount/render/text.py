"""A report for a terminal or a notebook, through rich."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..ops import NOTHING, flops
from ..units import percent, si, size

if TYPE_CHECKING:
    import pandas as pd

    from ..coverage import Coverage, Source
    from ..report import Report
    from ..tree import Node

_NUMBERS = (("calls", "calls"), ("params", "params"), ("MACs", "macs"), ("FLOPs", "flops"), ("% MACs", "macs"))


def summary(report: Report) -> str:
    """``resnet18: 11.7 M params (44.6 MiB), 1.81 G MACs, 3.64 G FLOPs``, and how it was run."""
    parts = [
        f"{si(report.params)} params ({size(report.param_bytes)})",
        f"{si(report.macs)} MACs",
        f"{si(report.flops)} FLOPs",
        f"{report.run} run",
    ]
    if report.convention.name != "default":
        parts.insert(0, f"{si(report.headline)} {report.unit} under {report.convention.name}")
    return f"{report.tree.type}: " + ", ".join(parts)


def tree(report: Report, depth: int | None = None, sort: str | None = None) -> RenderableType:
    """The module tree with a summary above it and the doubts beneath. ``depth`` folds, ``sort`` orders siblings by a
    numeric field of ``Node`` (``params``, ``calls``) or by ``macs`` or ``flops``; totals stay what they are.
    """
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("module", "type", "output"):  # these give way where the terminal is narrow, numbers never do
        grid.add_column(title)
    for title, _ in _NUMBERS:
        grid.add_column(title, justify="right", no_wrap=True)
    for prefix, node in _lines(report, report.tree, "", "", depth, sort):
        grid.add_row(*_row(report, prefix, node))
    parts: list[RenderableType] = [Text(summary(report), style="bold"), grid]
    if report.backward_seen:
        parts.append(Text("A backward pass ran too: these figures are the forward's alone.", style="yellow"))
    if report.uncounted:
        names = ", ".join(missed.target for missed in report.uncounted)
        parts.append(Text(f"Not counted, so a lower bound: {names} (see report.uncounted)", style="bold yellow"))
    return Group(*parts)


def coverage(found: Coverage, rows: int = 20) -> RenderableType:
    """Where a report's figures come from, with the ``rows`` dearest lines between modules."""
    total = found.macs_of_modules + found.macs_between
    parts: list[RenderableType] = [Text(f"{si(total)} MACs, by their source", style="bold")]
    grid = Table(box=None, pad_edge=False, show_header=False)
    grid.add_column()
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_row("formulas of modules", si(found.macs_of_modules), percent(found.macs_of_modules, total))
    grid.add_row("ops between modules", si(found.macs_between), percent(found.macs_between, total))
    for layer, macs in found.macs_by_layer.items():
        if len(found.macs_by_layer) > 1:
            grid.add_row(f"  by {layer}", si(macs), percent(macs, total))
    parts.append(grid)
    if found.between:
        parts += [Text(), _between(found, rows)]
    names = ", ".join(f"{each.target} {each.calls}" for each in found.free)
    parts += [Text(), Text(f"Free: {names or 'nothing'}", style="dim")]
    unknown = ", ".join(f"{each.target} {each.calls}" for each in found.unknown)
    parts.append(Text(f"Unknown: {unknown or 'nothing'}", style="bold yellow" if unknown else ""))
    return Group(*parts)


def _between(found: Coverage, rows: int) -> RenderableType:
    """The ops between modules by the line that called them, the dearest first."""
    from ..coverage import short

    lines: dict[tuple[str, str], list[Source]] = {}
    for source in found.between:
        lines.setdefault((source.line, source.target), []).append(source)
    totals = {key: sum([each.ops for each in sources], NOTHING) for key, sources in lines.items()}
    order = sorted(lines, key=lambda key: (-totals[key].macs, -flops(totals[key])))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("between modules, by line", "op", "in"):
        table.add_column(title)
    for title in ("calls", "MACs", "FLOPs"):
        table.add_column(title, justify="right", no_wrap=True)
    for key in order[:rows]:
        sources, ops = lines[key], totals[key]
        paths = list(dict.fromkeys(each.path or "(model)" for each in sources))
        shown = paths[0] + (f" +{len(paths) - 1}" if len(paths) > 1 else "")
        calls, macs = sum(each.calls for each in sources), si(ops.macs) if ops.macs else ""
        table.add_row(_line(short(key[0]) or "in torch"), key[1], _line(shown), str(calls), macs, si(flops(ops)))
    return table if len(order) <= rows else Group(table, Text(f"and {len(order) - rows} more, in to_dataframe()", style="dim"))


def _row(report: Report, prefix: str, node: Node) -> list[RenderableType]:
    ran = node.calls or node.total
    shapes = node.outputs[0] if node.outputs else ""
    if len(node.outputs) > 1:
        shapes += f" +{len(node.outputs) - 1}"
    name = _line(prefix, "dim")
    name.append(node.name or "(model)", style="" if ran else "dim")
    if node.uncounted:
        name.append(" ?", style="bold yellow")
    return [
        name,
        _line(node.type, "cyan" if ran else "dim"),
        _line(_cut(shapes), "dim"),
        str(node.calls),
        si(node.params) if node.params else "",
        si(node.total.macs) if node.total.macs else "",
        si(flops(node.total)) if node.total else "",
        percent(node.total.macs, report.macs) if node.total.macs else "",
    ]


def _line(text: str, style: str = "") -> Text:
    """Text that is cut, not wrapped."""
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _cut(shapes: str) -> str:
    return shapes if len(shapes) <= 44 else shapes[:43] + "…"


def _lines(report: Report, node: Node, prefix: str, below: str, depth: int | None, sort: str | None) -> Any:
    yield prefix, node
    if depth is not None and node.depth >= depth:
        return
    children = list(node.children)
    if sort is not None:
        children.sort(key=lambda child: _value(report, child, sort), reverse=True)
    for index, child in enumerate(children):
        last = index == len(children) - 1
        yield from _lines(report, child, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  "), depth, sort)


def _value(report: Report, node: Node, field: str) -> int:
    if field in ("macs", "own_macs"):
        return (node.total if field == "macs" else node.own).macs
    if field in ("flops", "own_flops"):
        return flops(node.total if field == "flops" else node.own)
    return int(getattr(node, field))


def table(frame: pd.DataFrame, title: str | None = None) -> RenderableType:
    """Any of the report's DataFrames as a table; counts with SI prefixes."""
    grid = Table(box=None, pad_edge=False, header_style="bold", title=title, title_justify="left")
    for name in frame.columns:
        numeric = frame[name].dtype.kind in "iuf"
        grid.add_column(name, justify="right" if numeric else "left", no_wrap=numeric)
    for row in frame.itertuples(index=False):
        grid.add_row(*(_cell(str(name), value) for name, value in zip(frame.columns, row, strict=True)))
    return grid


def _cell(name: str, value: Any) -> Text:
    if name.endswith("share"):
        return Text(f"{100 * value:.1f}%")
    if name.endswith("bytes"):
        return Text(size(int(value)))
    if isinstance(value, str):
        return _line(_cut(value))
    return Text(si(int(value)))


def plain(renderable: RenderableType) -> str:
    """As text without colour, as wide as it needs to be."""
    console = Console(file=io.StringIO(), width=10_000, no_color=True, force_terminal=False, legacy_windows=False)
    with console.capture() as capture:
        console.print(renderable)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def html(renderable: RenderableType) -> str:
    """As HTML for a notebook: the same text, its colours inline."""
    console = Console(file=io.StringIO(), width=10_000, record=True, force_terminal=True, legacy_windows=False)
    console.print(renderable)
    body = console.export_html(inline_styles=True, code_format="<pre style='line-height:1.3'>{code}</pre>")
    return "\n".join(line.rstrip() for line in body.splitlines())

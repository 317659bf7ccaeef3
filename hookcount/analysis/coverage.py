"""``Coverage``: the source of each figure of a report. It shows how far to trust the figures."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ..core.names import clean, shortened
from ..core.ops import NOTHING, Ops, flops
from ..core.units import percent, si
from ..pricing.price import By, Uncounted
from ..pricing.priced import Priced
from ..tables.encoding import printable
from ..tables.exact import frame, nullable
from ..tables.grid import Renderable, grid, line, plain, stacked

if TYPE_CHECKING:
    import pandas as pd


class Source(NamedTuple):
    """The cost of one target at one path and one source line.

    ``by``: whether a module's formula or an op's formula priced the calls.
    ``line``: the ``file:line`` that called an op. It is empty for a module's formula, and for an op
    that ran inside one of torch's own layers.
    ``layer``: the name of the registry that holds the formula.
    """

    path: str
    target: str
    by: By
    line: str
    calls: int
    ops: Ops
    layer: str


class Free(NamedTuple):
    """A target that ran and was priced at zero operations."""

    target: str
    by: By
    calls: int


@dataclass(frozen=True)
class Coverage:
    """Every figure of a report by its source.

    ``modules``: calls of modules that have a formula, those with the most MACs first.
    ``between``: ops that ran outside of such modules and were priced one by one, in the same order.
    ``free``: targets that ran and cost nothing, the most frequent first.
    ``uncounted``: targets that ran and that no formula prices.

    The ``ops`` of ``modules`` and ``between`` sum to the report's total.
    """

    modules: tuple[Source, ...]
    between: tuple[Source, ...]
    free: tuple[Free, ...]
    uncounted: tuple[Uncounted, ...]

    @property
    def macs_of_modules(self) -> int:
        """MACs that formulas of modules gave."""
        return sum(source.ops.macs for source in self.modules)

    @property
    def macs_between(self) -> int:
        """MACs of ops that ran outside of every module that has a formula."""
        return sum(source.ops.macs for source in self.between)

    @property
    def macs_by_layer(self) -> dict[str, int]:
        """MACs by the layer that holds the formula.

        A layer is hookcount's own registry, that of ``hookcount.register``, or one of the user's.
        """
        found: dict[str, int] = {}
        for source in (*self.modules, *self.between):
            found[source.layer] = found.get(source.layer, 0) + source.ops.macs
        return found

    def to_dataframe(self) -> pd.DataFrame:
        """One row per source, with the ``kind`` ``module``, ``between``, ``free`` or ``uncounted``.

        ``macs`` and ``flops`` are missing where ``kind`` is ``uncounted``.
        """
        rows: list[tuple[object, ...]] = []
        for kind, sources in (("module", self.modules), ("between", self.between)):
            rows += [
                (
                    kind,
                    each.path,
                    each.target,
                    each.line,
                    each.calls,
                    each.ops.macs,
                    flops(each.ops),
                    each.layer,
                )
                for each in sources
            ]
        rows += [("free", "", each.target, "", each.calls, 0, 0, "") for each in self.free]
        rows += [
            ("uncounted", ", ".join(each.paths), each.target, "", each.calls, None, None, "")
            for each in self.uncounted
        ]
        names = ("kind", "path", "target", "line", "calls", "macs", "flops", "layer")
        made = frame({name: [row[place] for row in rows] for place, name in enumerate(names)})
        for name in ("macs", "flops"):
            made[name] = nullable([row[names.index(name)] for row in rows])
        return made

    def __str__(self) -> str:
        return printable(text(self))


def cover(priced: Priced) -> Coverage:
    """The charges of a priced trace, added up by their source."""
    paid: dict[tuple[str, str, By, str, str], tuple[int, Ops]] = {}
    free: dict[tuple[str, By], int] = {}
    for charge in priced.charges():
        if charge.ops is None or charge.entry is None:
            continue
        if charge.ops:
            key = (charge.path, charge.target, charge.by, charge.line, charge.entry.layer)
            calls, ops = paid.get(key, (0, NOTHING))
            paid[key] = calls + charge.calls, ops + charge.ops
        else:
            free[charge.target, charge.by] = free.get((charge.target, charge.by), 0) + charge.calls
    sources = [
        Source(path, target, by, line, calls, ops, layer)
        for (path, target, by, line, layer), (calls, ops) in paid.items()
    ]
    sources.sort(key=lambda source: (-source.ops.macs, -flops(source.ops)))
    return Coverage(
        tuple(source for source in sources if source.by == "module"),
        tuple(source for source in sources if source.by == "op"),
        tuple(
            Free(target, by, calls)
            for (target, by), calls in sorted(free.items(), key=lambda item: -item[1])
        ),
        priced.uncounted,
    )


class LineSum(NamedTuple):
    """The work of one op that one source line called outside of modules that have a formula."""

    line: str
    """The ``file:line``. It is empty for an op that ran inside one of torch's own layers."""
    target: str
    paths: tuple[str, ...]
    """The modules in which it ran."""
    calls: int
    ops: Ops


def by_line(found: Coverage) -> list[LineSum]:
    """The ops between modules by the line that called them, the most expensive first."""
    lines: dict[tuple[str, str], list[Source]] = {}
    for source in found.between:
        lines.setdefault((source.line, source.target), []).append(source)
    sums = [
        LineSum(
            line,
            target,
            tuple(dict.fromkeys(each.path for each in sources)),
            sum(each.calls for each in sources),
            sum([each.ops for each in sources], NOTHING),
        )
        for (line, target), sources in lines.items()
    ]
    return sorted(sums, key=lambda each: (-each.ops.macs, -flops(each.ops)))


def short(line: str) -> str:
    """A ``file:line`` relative to the folder of ``sys.path`` that holds the file, if one does."""
    folders = [os.path.abspath(folder) for folder in sys.path] + [os.getcwd()]
    inside = [folder for folder in folders if line.startswith(folder + os.sep)]
    return line[len(max(inside, key=len)) + 1 :] if inside else line


def text(found: Coverage, rows: int = 20) -> str:
    """The sources of a report's figures, as text.

    ``rows``: of the ops between modules, so many lines are shown, the most expensive first.
    """
    total = found.macs_of_modules + found.macs_between
    sources = grid(("", "MACs", "share"), ("MACs", "share"), header=False)
    sources.add_row(
        "formulas of modules", si(found.macs_of_modules), percent(found.macs_of_modules, total)
    )
    sources.add_row(
        "ops between modules", si(found.macs_between), percent(found.macs_between, total)
    )
    for layer, macs in found.macs_by_layer.items():
        if len(found.macs_by_layer) > 1:
            sources.add_row(f"  by {layer}", si(macs), percent(macs, total))
    between = ["", *_between(found, rows)] if found.between else []
    free = ", ".join(f"{clean(each.target)} {each.calls}" for each in found.free) or "nothing"
    uncounted = (
        ", ".join(f"{clean(each.target)} {each.calls}" for each in found.uncounted) or "nothing"
    )
    end = ("", f"Free: {free}", f"Uncounted: {uncounted}")
    return plain(stacked(f"{si(total)} MACs, by their source", sources, *between, *end))


def _between(found: Coverage, rows: int) -> Iterator[Renderable]:
    """The ops between modules by the line that called them, the most expensive first."""
    shown = grid(
        ("between modules, by line", "op", "in", "calls", "MACs", "FLOPs"),
        ("calls", "MACs", "FLOPs"),
    )
    lines = by_line(found)
    for each in lines[:rows]:
        more = f" +{len(each.paths) - 1}" if len(each.paths) > 1 else ""
        shown.add_row(
            line(short(each.line) or "in torch"),
            clean(each.target),
            line(shortened(clean(each.paths[0] or "(model)"), 60) + more),
            str(each.calls),
            si(each.ops.macs) if each.ops.macs else "",
            si(flops(each.ops)),
        )
    yield shown
    if len(lines) > rows:
        yield f"and {len(lines) - rows} more, in to_dataframe()"

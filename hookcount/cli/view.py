"""A report as the command line shows it: which rows, in which order, in which form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..analysis.frames import MODULE_COLUMNS
from ..render import data
from ..render.text import summary, tree
from ..report import Report
from ..tables.grid import Renderable, stacked, table

if TYPE_CHECKING:
    import pandas as pd

_TEXTS = ("path", "type", "input_shapes", "output_shapes")
_READ = (
    "path",
    "type",
    "calls",
    "params",
    "own_macs",
    "macs",
    "flops",
    "macs_share",
    "output_shapes",
)


@dataclass(frozen=True)
class View:
    """``form``: tree, table, csv, json or markdown. ``depth`` and ``top`` leave rows out; no figure changes by it."""

    form: str
    depth: int | None = None
    top: int | None = None
    sort: str | None = None

    def orders(self) -> list[str]:
        """The columns to sort by. The siblings of a tree are sorted by numbers only."""
        return [each for each in MODULE_COLUMNS if self.form != "tree" or each not in _TEXTS]

    def of(self, report: Report, first_line: str) -> str | Renderable:
        """Text that is whole by itself (csv, json, markdown), or lines for rich to print, the first above them."""
        priced = report.priced
        if self.form == "tree":
            order = "macs" if self.sort == "macs_share" else self.sort
            return stacked(first_line, tree(priced, depth=self.depth, sort=order), bold=True)
        rows = self._rows(report)
        if self.form == "csv":
            return data.csv(priced, rows)
        if self.form == "json":
            return data.json(priced, rows)
        if self.form == "markdown":
            return data.markdown(priced, rows.index)
        columns = [*_READ, *([self.sort] if self.sort and self.sort not in _READ else [])]
        return stacked(first_line, summary(priced), table(rows[columns]), bold=True)

    def _rows(self, report: Report) -> pd.DataFrame:
        """The rows asked for; their index is their place in the whole table."""
        rows = report.to_dataframe()
        if self.depth is not None:
            rows = rows[rows["depth"] <= self.depth]
        order = self.sort or ("own_macs" if self.top else None)
        if order is not None:
            rows = rows.sort_values(order, ascending=order in _TEXTS, kind="stable")
        return rows.head(self.top) if self.top else rows

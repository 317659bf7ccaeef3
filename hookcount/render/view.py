"""A report as the command line shows it: which rows, in which order, in which form."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import RenderableType

    from ..report import Report

_TEXTS = ("path", "type", "input_shapes", "output_shapes")
_READ = ("path", "type", "calls", "params", "own_macs", "macs", "flops", "macs_share", "output_shapes")


@dataclass(frozen=True)
class View:
    """``form``: tree, table, csv, json or markdown. ``depth`` and ``top`` leave rows out; no figure changes by it."""

    form: str
    depth: int | None = None
    top: int | None = None
    sort: str | None = None

    def orders(self) -> list[str]:
        """What ``sort`` may be; the siblings of a tree are sorted by numbers alone."""
        from ..frame import MODULE_COLUMNS

        return [each for each in MODULE_COLUMNS if self.form != "tree" or each not in _TEXTS]

    def of(self, report: Report, first_line: str) -> str | RenderableType:
        """Text that is whole by itself (csv, json, markdown), or lines for rich to print, the first above them."""
        if self.form == "tree":
            from .text import tree

            order = "macs" if self.sort == "macs_share" else self.sort
            return _headed(first_line, tree(report, depth=self.depth, sort=order))
        rows = self._rows(report)
        if self.form == "csv":
            return str(rows.to_csv(index=False, lineterminator="\n"))
        if self.form == "json":
            whole = {**json.loads(report.json()), "modules": rows.to_dict(orient="records")}
            return json.dumps(whole, indent=2) + "\n"
        if self.form == "markdown":
            lines = report.to_markdown().splitlines()  # a row for each row of the DataFrame, under two lines of heading
            return "\n".join([*lines[:2], *(lines[2 + int(row)] for row in rows.index)]) + "\n"
        from .text import summary, table

        columns = [*_READ, *([self.sort] if self.sort and self.sort not in _READ else [])]
        return _headed(first_line, summary(report), table(rows[columns]))

    def _rows(self, report: Report) -> pd.DataFrame:
        """The rows asked for; their index is their place in the whole table."""
        rows = report.to_dataframe()
        if self.depth is not None:
            rows = rows[rows["depth"] <= self.depth]
        order = self.sort or ("own_macs" if self.top else None)
        if order is not None:
            rows = rows.sort_values(order, ascending=order in _TEXTS, kind="stable")
        return rows.head(self.top) if self.top else rows


def _headed(*parts: str | RenderableType) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    return Group(*(Text(part, style="bold") if isinstance(part, str) else part for part in parts))

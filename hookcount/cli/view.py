"""A report on the command line: its rows, their order, and the format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..pricing.priced import Priced
from ..render import data
from ..render.listed import read
from ..render.page.page import page
from ..render.paper import paper
from ..render.quantities import SHARE, TEXTS, sorts
from ..render.text import summary, training_step, tree
from ..report import Report
from ..tables.excel import excel
from ..tables.grid import Renderable, stacked, table
from ..tables.parquet import parquet

if TYPE_CHECKING:
    import pandas as pd

_HINT = "--full shows every module."


@dataclass(frozen=True)
class View:
    """How to show a report. Options hide or sort rows; they change no figure."""

    form: str
    """tree, html, or one of ``TABLES``."""
    depth: int | None = None
    """Show modules down to this depth. In a tree, rows of equal modules count as one module. A page
    has all rows, open down to this depth."""
    full: bool = False
    """Show each module of a tree or of a page."""
    top: int | None = None
    """Show this many modules: the first by ``sort``, or those with most MACs of their own."""
    sort: str | None = None
    """Sort by this column."""
    training: bool = False
    """Whether a training step is counted. Rows have its columns too."""

    def orders(self) -> list[str]:
        """The columns that ``sort`` may name."""
        known = sorts(self.training)
        return known if self.form == "tree" else [each for each in known if each != SHARE]

    def of(
        self, report: Report, first_line: str, name: str = "", before: Priced | None = None
    ) -> str | bytes | Renderable:
        """The report in the format. A tree or a grid is below ``first_line``.

        ``name``: that of the model, the title of a page. ``before``: an earlier count. A page shows
        what changed since.
        """
        priced = report.priced
        if self.form == "html":
            return page(priced, name, self.depth, fold=not self.full, before=before)
        if self.form == "tree":
            shown = tree(priced, self.depth, self.sort, fold=not self.full, hint=_HINT)
            return stacked(first_line, shown, bold=True)
        if self.form == "latex":
            return paper(priced, 1 if self.depth is None else self.depth)
        rows = self._rows(report)
        if self.form == "csv":
            return data.csv(priced, rows)
        if self.form == "json":
            return data.json(priced, rows)
        if self.form == "markdown":
            return data.markdown(priced, rows.index)
        if self.form == "excel":
            return excel(data.named(priced, rows))
        if self.form == "parquet":
            return parquet(rows)
        columns = read(priced, self.sort, ["output_shapes"])
        heads = filter(None, (first_line, summary(priced), training_step(priced)))
        return stacked(*heads, table(rows[columns]), bold=True)

    def _rows(self, report: Report) -> pd.DataFrame:
        """The rows to show. Their index is that of ``to_dataframe()``."""
        rows = report.to_dataframe()
        if self.depth is not None:
            rows = rows[rows["depth"] <= self.depth]
        order = self.sort or ("own_macs" if self.top else None)
        if order is not None:
            rows = rows.sort_values(order, ascending=order in TEXTS, kind="stable")
        return rows.head(self.top) if self.top else rows

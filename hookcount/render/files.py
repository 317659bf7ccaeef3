"""``Files``: the methods of a report that write it in a format for other programs."""

from __future__ import annotations

import os

from ..analysis.frames import modules
from ..pricing.priced import Priced
from ..tables.excel import excel
from ..tables.files import text_or_file, to_file
from ..tables.parquet import parquet
from . import data
from .page.page import page
from .paper import paper


class Files:
    """Writes ``priced``. A file is replaced in one step.

    Every method raises ``OutputError``, an ``OSError``, if the file cannot be written.
    """

    priced: Priced

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str | None:
        """``to_dataframe()`` as CSV, with the convention and the unit of ``figure`` in each row.

        It is written to ``path``, or returned if there is no path. The path of the root is
        ``(model)``. A text that a program would take for a formula, a number or a missing value
        has an apostrophe before it.
        """
        return text_or_file(data.csv(self.priced), path)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str | None:
        """Totals, convention, uncounted targets and all rows as JSON.

        The text is written to ``path``, or returned if there is no path.
        """
        return text_or_file(data.json(self.priced), path)

    def to_markdown(self, path: str | os.PathLike[str] | None = None) -> str | None:
        """A Markdown table of the columns that people read, with SI prefixes.

        The text is written to ``path``, or returned if there is no path.
        """
        return text_or_file(data.markdown(self.priced), path)

    def to_latex(self, path: str | os.PathLike[str] | None = None, *, depth: int = 1) -> str | None:
        """A LaTeX table for a paper: parameters in M, GMACs and GFLOPs. It needs booktabs.

        It has the modules down to ``depth``, and the whole model in the last row. The text is
        written to ``path``, or returned if there is no path.
        """
        return text_or_file(paper(self.priced, depth), path)

    def to_html(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        title: str = "",
        depth: int | None = None,
        fold: bool = True,
    ) -> str | None:
        """A page for a browser: one file, which needs neither a network nor JavaScript.

        It has the totals, a picture of where the work is, the tree, the work by source line, role,
        type and op, what is uncounted, and the figures of other conventions. With JavaScript, rows
        can be filtered, sorted and copied. Equal modules are one row, unless ``fold`` is False.
        Rows are open as in ``show``, or down to ``depth``. ``title``: the name of the model. The
        text is written to ``path``, or returned if there is no path.
        """
        return text_or_file(page(self.priced, title, depth, fold=fold), path)

    def to_excel(self, path: str | os.PathLike[str]) -> None:
        """``to_dataframe()`` as an Excel workbook. A sheet ``about`` has ``df.attrs``.

        A column with a figure of over 15 digits is text, because a spreadsheet would round it.
        Needs ``pip install 'hookcount[excel]'``, else raises ``MissingPackageError``.
        """
        to_file(excel(data.named(self.priced)), path)

    def to_parquet(self, path: str | os.PathLike[str]) -> None:
        """``to_dataframe()`` as a Parquet file, with ``df.attrs``.

        Columns whose sum is at least 2**63 are decimals or texts, as ``df.attrs`` says. Needs
        ``pip install 'hookcount[parquet]'``, else raises ``MissingPackageError``.
        """
        to_file(parquet(modules(self.priced)), path)

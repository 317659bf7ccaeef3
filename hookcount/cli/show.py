"""Shows a result: as text, or as a grid in the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ..tables.excel import excel
from ..tables.grid import Renderable, plain, show, stacked, table
from ..tables.latex import of_frame
from ..tables.parquet import parquet
from ..tables.rows import csv, json, markdown, records
from .destination import Destination

if TYPE_CHECKING:
    import pandas as pd


def write(shown: str | bytes | Renderable, destination: Destination) -> None:
    """Write text, bytes, or a grid: with colours to a terminal, else as plain text."""
    if isinstance(shown, (str, bytes)):
        destination.write(shown)
    elif destination.path is None and sys.stdout is not None and sys.stdout.isatty():
        show(shown)
    else:
        destination.write(plain(shown) + "\n")


def rows_in(form: str, rows: pd.DataFrame, first_line: str) -> str | bytes | Renderable:
    """Rows in a format of ``TABLES``. ``table`` is a grid below ``first_line``."""
    if form == "csv":
        return csv(rows)
    if form == "json":
        return json(records(rows))
    if form == "markdown":
        return markdown([str(name) for name in rows.columns], rows.itertuples(index=False))
    if form == "latex":
        return of_frame(rows)
    if form == "excel":
        return excel(rows, "rows")
    if form == "parquet":
        return parquet(rows)
    return stacked(*([first_line] if first_line else []), table(rows), bold=True)

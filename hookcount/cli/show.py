"""Shows a result: as text, or as a grid in the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ..tables.grid import Renderable, plain, show, stacked, table
from ..tables.rows import csv, json, markdown, records
from .destination import Destination

if TYPE_CHECKING:
    import pandas as pd


def write(shown: str | Renderable, destination: Destination) -> None:
    """Write text, or a grid: with colours to a terminal, else as plain text."""
    if isinstance(shown, str):
        destination.write(shown)
    elif destination.path is None and sys.stdout.isatty():
        show(shown)
    else:
        destination.write(plain(shown) + "\n")


def rows_in(form: str, rows: pd.DataFrame, first_line: str) -> str | Renderable:
    """Rows as ``csv``, ``json`` or ``markdown``. Any other form is a grid below ``first_line``."""
    if form == "csv":
        return csv(rows)
    if form == "json":
        return json(records(rows))
    if form == "markdown":
        return markdown([str(name) for name in rows.columns], rows.itertuples(index=False))
    return stacked(*([first_line] if first_line else []), table(rows), bold=True)

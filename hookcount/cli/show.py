"""How a result is shown: in a terminal, or as text where it is asked for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console

from ..tables import rows as tables
from ..tables.grid import Renderable, plain, stacked, table
from .destination import Destination

if TYPE_CHECKING:
    import pandas as pd


def write(shown: str | Renderable, destination: Destination) -> None:
    """Text as it is. A grid is in colour in a terminal, else plain."""
    if isinstance(shown, str):
        destination.write(shown)
    elif destination.path is None and sys.stdout.isatty():
        Console().print(shown)
    else:
        destination.write(plain(shown) + "\n")


def rows_in(form: str, rows: pd.DataFrame, first_line: str) -> str | Renderable:
    """A table as ``csv``, ``json``, ``markdown``, or else for people, under a line that says what it is."""
    if form == "csv":
        return tables.csv(rows)
    if form == "json":
        return tables.json(tables.records(rows))
    if form == "markdown":
        return tables.markdown([str(name) for name in rows.columns], rows.itertuples(index=False))
    return stacked(*([first_line] if first_line else []), table(rows), bold=True)

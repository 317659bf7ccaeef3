"""How a result is shown: in a terminal, or as text where it is asked for."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from ..destination import Destination

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import RenderableType


def write(shown: str | RenderableType, destination: Destination) -> None:
    """Text as it is; what rich prints in colour where somebody looks."""
    if isinstance(shown, str):
        destination.write(shown)
    elif destination.path is None and sys.stdout.isatty():
        from rich.console import Console

        Console().print(shown)
    else:
        from ..render import text

        destination.write(text.plain(shown) + "\n")


def rows_in(form: str, rows: pd.DataFrame, first_line: str) -> str | RenderableType:
    """A table as ``csv``, ``json``, ``markdown``, or else for people, under a line that says what it is."""
    if form == "csv":
        return str(rows.to_csv(index=False, lineterminator="\n"))
    if form == "json":
        return json.dumps(rows.to_dict(orient="records"), indent=2) + "\n"
    if form == "markdown":
        lines = [map(str, rows.columns), ["---"] * len(rows.columns), *(map(str, row) for row in rows.itertuples(index=False))]
        return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n" for cells in lines)
    from rich.console import Group
    from rich.text import Text

    from ..render.text import table

    return Group(*([Text(first_line, style="bold")] if first_line else []), table(rows))

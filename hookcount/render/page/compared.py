"""``compared``: models side by side as one HTML file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core.names import clean, shortened
from ...core.units import si
from ...tables.markup import markup
from .script import ALLOWED, SCRIPT
from .style import style
from .tables import PageTable
from .template import TABLES

if TYPE_CHECKING:
    import pandas as pd

_LONG = 120
_WIDE = 6
"""So many columns fit a window."""


def compared(rows: pd.DataFrame) -> str:
    """The rows of ``hookcount.compare`` as a page. Each figure has its unit, and all its digits.

    If there are many columns, and fewer models, each model is a column.
    """
    units: dict[str, str] = rows.attrs["units"]
    head = [f"{_text(name)} ({units[name]})" if name in units else name for name in rows.columns]
    cells = [[_cell(value) for value in row] for row in rows.itertuples(index=False, name=None)]
    title = f"{len(cells)} model{'s' * (len(cells) != 1)} side by side"
    if len(head) > max(_WIDE, len(cells)):
        head, *cells = [list(each) for each in zip(head, *cells, strict=True)]
    versions = ", ".join([f"{name} {each}" for name, each in rows.attrs["versions"].items()])
    table = PageTable("Figures by model", head, cells, 1)
    return markup(
        TABLES,
        title=title,
        said=versions,
        lines=[],
        cards=[],
        table=table,
        style=style(),
        script=SCRIPT,
        allowed=ALLOWED,
    )


def _cell(value: object) -> str:
    if hasattr(value, "__index__"):
        number = int(value)
        return f"{number:,}" if number < 1000 else f"{si(number)} = {number:,}"
    return "-" if value is None else _text(str(value))


def _text(text: str) -> str:
    return shortened(clean(text), _LONG)

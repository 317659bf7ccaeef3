"""``compared``: models side by side as one HTML file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

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


class Bars(NamedTuple):
    """A figure of each model: its name, its part of the largest, and its text."""

    title: str
    rows: Sequence[tuple[str, float, str]]


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
        bars=list(_bars(rows)) if len(rows) > 1 else [],
        table=table,
        style=style(),
        script=SCRIPT,
        allowed=ALLOWED,
    )


def _bars(rows: pd.DataFrame) -> Iterator[Bars]:
    """Each column of figures as bars: the largest is as wide as the page allows."""
    names = [_text(str(each)) for each in rows["model"]]
    for title in (*rows.attrs["units"], "params"):
        figures = list(rows[title])
        unit = rows.attrs["units"].get(title, "")
        largest = max([int(each) for each in figures if each is not None], default=0)
        if largest:
            lines = [
                (name, 0.0, "-")
                if figure is None
                else (name, int(figure) / largest, f"{si(int(figure))} {unit}".strip())
                for name, figure in zip(names, figures, strict=True)
            ]
            yield Bars(_text(title), lines)


def _cell(value: object) -> str:
    if hasattr(value, "__index__"):
        number = int(value)
        return f"{number:,}" if number < 1000 else f"{si(number)} = {number:,}"
    return "-" if value is None else _text(str(value))


def _text(text: str) -> str:
    return shortened(clean(text), _LONG)

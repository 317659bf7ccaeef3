"""Grids for people, through rich: in a terminal, as plain text, as HTML.

rich is imported only when a grid is made, so that ``import hookcount`` stays fast.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from ..core.names import clean
from ..core.units import duration, si, size
from .blocks import Blocks
from .columns import Column

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from .sheet import Fitted, Sheet

_NUMBER = re.compile(r"-?[\d,.]*")

Renderable: TypeAlias = "Text | Table | Group | Sheet | Fitted | str"
"""Text, a grid, or several of them in a stack."""


def grid(
    titles: Sequence[str],
    right: Iterable[str] = (),
    *,
    title: str | None = None,
    header: bool = True,
) -> Table:
    """An empty grid. Columns in ``right`` hold numbers: right-aligned and never wrapped."""
    from rich.table import Table

    made = Table(
        box=None,
        pad_edge=False,
        header_style="bold",
        title=title,
        title_justify="left",
        show_header=header,
    )
    numbers = set(right)
    for each in titles:
        made.add_column(
            each, justify="right" if each in numbers else "left", no_wrap=each in numbers
        )
    return made


_MOST = {"error": 200}
"""The most characters of a cell, by column. A sentence is not cut to the length of a name."""


def table(frame: pd.DataFrame, title: str | None = None, *, turned: bool = False) -> Renderable:
    """Any DataFrame as a table, with SI prefixes.

    Columns named ``*share`` are shown in percent, ``*bytes`` with binary prefixes, and ``*seconds``
    as a time. A missing number is ``-``. In a narrow terminal text is cut but stays different, and
    what is still too wide is shown in several tables. ``turned``: rows become columns then.
    """
    columns = [
        _column(str(name), frame.iloc[:, place].tolist(), _MOST.get(name, 44 if place else 80))
        for place, name in enumerate(frame.columns)
    ]
    made = Blocks(columns, turned)
    return made if title is None else stacked(paragraph(title, "italic"), made)


def _column(name: str, values: Sequence[object], most: int) -> Column:
    """Values as a column. Exact figures as text, such as ``1,000``, are numbers too."""
    cells = [_cell(name, value) for value in values]
    numbers = all(not isinstance(value, str) or _NUMBER.fullmatch(value) for value in values)
    return Column(name, cells, right=numbers, most=None if numbers else most)


def _cell(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return "-"
    number: float = value  # type: ignore[assignment]
    if number != number:  # NaN, where a column of floats has no number
        return "-"
    if name.endswith("share"):
        return f"{100 * number:.1f}%"
    if name.endswith("seconds"):
        return duration(number)
    if isinstance(number, float) and number.is_integer():  # a count beside a missing one
        number = int(number)
    return size(number) if name.endswith("bytes") else si(number)


def line(text: str, style: str = "") -> Text:
    """Text that is cut if too long, not wrapped."""
    from rich.text import Text

    return Text(clean(text), style=style, no_wrap=True, overflow="ellipsis")


def paragraph(text: str, style: str = "") -> Text:
    """Text that is wrapped if too long."""
    from rich.text import Text

    return Text(text, style=style)


def cut(text: str, width: int = 44) -> str:
    """Text of at most ``width`` characters."""
    return text if len(text) <= width else text[: width - 1] + "…"


def stacked(*parts: Renderable, bold: bool = False) -> Group:
    """Several parts, each below the one before. ``bold``: show strings in bold."""
    from rich.console import Group

    style = "bold" if bold else ""
    return Group(*(paragraph(part, style) if isinstance(part, str) else part for part in parts))


def plain(renderable: Renderable) -> str:
    """A renderable as text without colour. It is as wide as its content."""
    from rich.console import Console

    console = Console(
        file=io.StringIO(), width=10_000, no_color=True, force_terminal=False, legacy_windows=False
    )
    with console.capture() as capture:
        console.print(renderable)
    return "\n".join(each.rstrip() for each in capture.get().splitlines())


def html(renderable: Renderable) -> str:
    """A renderable as HTML for a notebook: the same text, with inline colours."""
    from rich.console import Console

    console = Console(
        file=io.StringIO(), width=10_000, record=True, force_terminal=True, legacy_windows=False
    )
    console.print(renderable)
    body = console.export_html(
        inline_styles=True, code_format="<pre style='line-height:1.3'>{code}</pre>"
    )
    return "\n".join(each.rstrip() for each in body.splitlines())


def show(renderable: Renderable) -> None:
    """Print a renderable to the terminal, in colour and no wider than the terminal."""
    from rich.console import Console

    Console().print(renderable)

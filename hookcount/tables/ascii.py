"""A table drawn with ``+``, ``-`` and ``|``, through rich."""

from __future__ import annotations

import io
from collections.abc import Sequence


def ascii_table(
    titles: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None
) -> str:
    """A table of text, as wide as the terminal at most. It ends with a line break.

    A cell that is too long takes several lines.

    >>> print(ascii_table(("name", "n"), [("a", "1"), (" b", " 10")]).strip())
    +------+-----+
    | name | n   |
    +------+-----+
    | a    | 1   |
    |  b   |  10 |
    +------+-----+
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.ASCII2, title=title)
    for each in titles:
        made.add_column(each)
    for row in rows:
        made.add_row(*map(Text, row))
    file = io.StringIO()
    Console(file=file, width=Console().width, no_color=True, force_terminal=False).print(
        made, end=""
    )
    return file.getvalue()

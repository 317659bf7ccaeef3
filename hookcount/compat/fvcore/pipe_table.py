"""A Markdown table in the layout of fvcore's tables."""

from __future__ import annotations

from collections.abc import Sequence


def pipe_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose cells keep the spaces before them.

    A column is at least two wider than its title. A column of whole numbers is on the right.

    >>> print(pipe_table(("name", "n"), [("a", "1"), (" b", " 10")]))
    | name   |   n |
    |:-------|----:|
    | a      |   1 |
    |  b     |  10 |
    """
    columns = list(zip(titles, *rows, strict=True))
    widths = [max(len(title) + 2, *map(len, cells)) for title, *cells in columns]
    on_the_right = [all(map(_is_whole, cells)) for _, *cells in columns]
    rule = "|".join(
        "-" * (width + 1) + ":" if right else ":" + "-" * (width + 1)
        for width, right in zip(widths, on_the_right, strict=True)
    )
    lines = [
        " | ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, on_the_right, strict=True)
        )
        for row in (titles, *rows)
    ]
    return "\n".join([f"| {lines[0]} |", f"|{rule}|", *(f"| {line} |" for line in lines[1:])])


def _is_whole(cell: str) -> bool:
    return cell.strip().isdecimal()

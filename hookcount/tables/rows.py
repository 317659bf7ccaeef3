"""Rows as text for other programs: CSV, JSON, Markdown."""

from __future__ import annotations

import json as _json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def csv(frame: pd.DataFrame) -> str:
    """A frame as CSV: a line of column names, then one line per row."""
    return str(frame.to_csv(index=False, lineterminator="\n"))


def json(value: object) -> str:
    """A plain value (dicts, lists, strings, numbers) as indented JSON."""
    return _json.dumps(value, indent=2) + "\n"


def records(frame: pd.DataFrame) -> list[dict[str, object]]:
    """A frame as a list of rows. A row is a dict from column names to values."""
    return [
        {str(name): value for name, value in row.items()} for row in frame.to_dict(orient="records")
    ]


def markdown(
    titles: Sequence[str], rows: Iterable[Sequence[object]], right: Iterable[str] = ()
) -> str:
    """A Markdown table. Columns whose titles are in ``right`` are aligned to the right."""
    to_the_right = set(right)
    rules = ["---:" if title in to_the_right else "---" for title in titles]
    lines = ["|" + "|".join(rules) + "|"]
    return "\n".join([_line(titles), *lines, *map(_line, rows)]) + "\n"


def _line(cells: Sequence[object]) -> str:
    escaped = [str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells]
    return f"| {' | '.join(escaped)} |"

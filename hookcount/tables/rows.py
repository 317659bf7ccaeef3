"""Rows for other programs: CSV, JSON, Markdown."""

from __future__ import annotations

import json as _json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def csv(frame: pd.DataFrame) -> str:
    """All columns, one line a row."""
    return str(frame.to_csv(index=False, lineterminator="\n"))


def json(value: object) -> str:
    """Any plain value, or a frame as a list of its rows."""
    return _json.dumps(value, indent=2) + "\n"


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A frame as a list of its rows, each by the names of its columns."""
    return [
        {str(name): value for name, value in row.items()} for row in frame.to_dict(orient="records")
    ]


def markdown(
    titles: Sequence[str], rows: Iterable[Sequence[object]], right: Iterable[str] = ()
) -> str:
    """A table under ``titles``, of which those in ``right`` are aligned to the right. Nothing is cut."""
    to_the_right = set(right)
    rules = ["---:" if title in to_the_right else "---" for title in titles]
    lines = ["|" + "|".join(rules) + "|"]
    return "\n".join([_line(titles), *lines, *map(_line, rows)]) + "\n"


def _line(cells: Sequence[object]) -> str:
    return (
        "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
    )

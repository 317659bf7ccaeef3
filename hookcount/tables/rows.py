"""Rows as text for other programs: CSV, JSON, Markdown."""

from __future__ import annotations

import json as _json
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..core.names import clean, shortened

if TYPE_CHECKING:
    import pandas as pd

_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "'")
"""How a cell begins that a spreadsheet takes for a formula, and the apostrophe that prevents it."""
_MISSING = frozenset(
    {
        *("na", "n/a", "nan", "-nan", "none", "null", "<na>", "#na", "#n/a", "#n/a n/a"),
        *("1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan"),
    }
)
"""Texts that readers of CSV take for a missing value, in lower case."""
_PLAIN = re.compile(r"[A-Za-z0-9 .,:()%-]*")
"""Texts without anything that is markup."""
_LONG = 120
"""Characters of a cell in a table for people."""


def csv(frame: pd.DataFrame) -> str:
    """A frame as CSV: a line of column names, then one line per row.

    Texts survive a round trip. A text has an apostrophe before it if a spreadsheet would run it as
    a formula, or if a reader would take it for a missing value. All texts of a column have one if a
    reader would take all of them for numbers. Control characters are escaped.
    """
    import pandas as pd

    safe = {
        name: _texts(list(values))
        for name, values in frame.items()
        if values.dtype.kind not in "iufb"
    }
    made = frame.assign(**safe)  # type: ignore[arg-type]
    made.columns = pd.Index([_text(str(name), False) for name in frame.columns])
    return str(made.to_csv(index=False, lineterminator="\n"))


def _texts(values: list[object]) -> list[object]:
    texts = [each for each in values if isinstance(each, str) and each]
    numbers = bool(texts) and len(texts) == len(values) and all(map(_is_number, texts))
    safe = {text: _text(text, numbers) for text in set(texts)}
    return [safe.get(each, each) if isinstance(each, str) else each for each in values]


def _text(text: str, number: bool) -> str:
    escape = number or text.startswith(_FORMULAS) or text.lower() in _MISSING
    return f"'{clean(text)}" if escape else clean(text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text.lower() in ("true", "false")
    return True


def json(value: object) -> str:
    """A plain value (dicts, lists, strings, numbers) as indented JSON."""
    return _json.dumps(value, indent=2) + "\n"


def records(frame: pd.DataFrame) -> list[dict[str, object]]:
    """A frame as a list of rows. A row is a dict from column names to values.

    A missing value is None.
    """
    rows = [
        {str(name): value for name, value in row.items()} for row in frame.to_dict(orient="records")
    ]
    for name, missing in frame.isna().items():
        if missing.any():
            for index, absent in enumerate(missing):
                if absent:
                    rows[index][str(name)] = None
    return rows


def markdown(
    titles: Sequence[str], rows: Iterable[Sequence[object]], right: Iterable[str] = ()
) -> str:
    """A Markdown table. Columns whose titles are in ``right`` are aligned to the right.

    A text is shown as it is: what Markdown or HTML would read as markup is escaped. A long text is
    cut in the middle.
    """
    to_the_right = set(right)
    rules = ["---:" if title in to_the_right else "---" for title in titles]
    lines = ["|" + "|".join(rules) + "|"]
    return "\n".join([_line(titles), *lines, *map(_line, rows)]) + "\n"


def _line(cells: Sequence[object]) -> str:
    return f"| {' | '.join([_shown(str(cell)) for cell in cells])} |"


def _shown(text: str) -> str:
    if len(text) <= _LONG and _PLAIN.fullmatch(text):
        return text
    plain = shortened(clean(text.replace("\n", " ")), _LONG)
    quoted = plain.replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*\[|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))", r"\\\1", quoted)

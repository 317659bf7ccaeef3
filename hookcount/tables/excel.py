"""A frame as an Excel workbook, through openpyxl."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..core.errors import needed
from ..core.names import clean, shortened

if TYPE_CHECKING:
    import pandas as pd

_EXACT = 10**15
"""A spreadsheet keeps 15 digits of a number."""
_LONGEST = 32_767
"""Characters of a cell."""


def excel(frame: pd.DataFrame, sheet: str = "modules") -> bytes:
    """A workbook: the frame as a sheet, and a sheet ``about`` with the frame's ``attrs``.

    A column with a number of over 15 digits becomes text, because a spreadsheet would round it. The
    sheet ``about`` names these columns. No text is a formula.

    Raises ``MissingPackageError`` without openpyxl.
    """
    openpyxl: Any = needed("openpyxl", "excel", "to write a workbook")
    book = openpyxl.Workbook()
    columns = {str(name): list(values) for name, values in frame.items()}
    large = [name for name, values in columns.items() if any(map(_is_large, values))]
    cells = [
        [_shown(each) if name in large else each for each in columns[name]] for name in columns
    ]
    _fill(book.active, sheet, list(columns), zip(*cells, strict=True))
    about = [*_flat(frame.attrs), ("text because of their size", ", ".join(large) or "no column")]
    _fill(book.create_sheet(), "about", ["what", "value"], about)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def _fill(page: Any, title: str, names: list[str], rows: Iterable[Iterable[object]]) -> None:
    """Write rows below a line of names, which stays in view."""
    page.title = title
    page.freeze_panes = "A2"
    for line, row in enumerate((names, *rows), start=1):
        for place, value in enumerate(row, start=1):
            plain = _plain(value)
            cell = page.cell(line, place, plain)
            if isinstance(plain, str):
                cell.data_type = "s"  # also a text that begins like a formula
                cell.quotePrefix = plain.startswith(("=", "+", "-", "@"))
    for place, name in enumerate(names, start=1):
        letter = page.cell(1, place).column_letter
        page.column_dimensions[letter].width = 40 if place == 1 else max(12, len(name) + 2)


def _plain(value: object) -> object:
    """A value that a cell can hold."""
    if isinstance(value, str):
        return shortened(clean(value), _LONGEST)
    if isinstance(value, (bool, int)) or value is None:
        return value
    if hasattr(value, "__index__"):  # an int of numpy
        return value.__index__()
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return None if str(value) == "<NA>" else _plain(str(value))


def _is_large(value: object) -> bool:
    return hasattr(value, "__index__") and abs(value.__index__()) >= _EXACT


def _shown(value: object) -> object:
    return str(value.__index__()) if hasattr(value, "__index__") else value


def _flat(attrs: Mapping[Any, object]) -> Iterable[tuple[str, object]]:
    """Attributes as pairs of a name and a value. A large number becomes text."""
    for name, value in attrs.items():
        if isinstance(value, Mapping):
            yield from _flat(value)
        else:
            yield str(name), _shown(value) if _is_large(value) else value

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
    book = openpyxl.Workbook(write_only=True)
    columns = {str(name): list(values) for name, values in frame.items()}
    large = [name for name, values in columns.items() if any(map(_is_large, values))]
    cells = [
        [_shown(each) if name in large else each for each in columns[name]] for name in columns
    ]
    _fill(book.create_sheet(sheet), list(columns), zip(*cells, strict=True))
    about = [*_flat(frame.attrs), ("text because of their size", ", ".join(large) or "no column")]
    _fill(book.create_sheet("about"), ["what", "value"], about)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def _fill(page: Any, names: list[str], rows: Iterable[Iterable[object]]) -> None:
    """Write rows below a line of names, which stays in view."""
    page.freeze_panes = "A2"
    for place, name in enumerate(names):
        page.column_dimensions[_letters(place)].width = max(12, len(name) + 2) if place else 40
    page.append([_cell(page, _plain(name)) for name in names])
    for row in rows:
        page.append([_cell(page, _plain(value)) for value in row])


def _cell(page: Any, value: object) -> object:
    """A value, or a cell for a text that begins like a formula."""
    if not isinstance(value, str) or not value.startswith(("=", "+", "-", "@")):
        return value
    cell: Any = needed("openpyxl.cell", "excel", "to write a workbook").WriteOnlyCell(page, value)
    cell.data_type, cell.quotePrefix = "s", True
    return cell


def _letters(place: int) -> str:
    """The name of a column: A, B ... Z, AA, AB ..."""
    before = "" if place < 26 else _letters(place // 26 - 1)
    return before + chr(ord("A") + place % 26)


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

"""The columns of modules that people read, where the modules are a table and no tree."""

from __future__ import annotations

from collections.abc import Iterable

from ..analysis import frames
from ..analysis.columns import check_column
from ..pricing.priced import Priced

_READ = ("path", "type", "calls", "params", "own_macs", "macs", "flops", "macs_share")
_FIGURES = ("own_figure", "figure")
ALSO = {"share": "macs_share", "output": "output_shapes", "module": "path"}
"""Names of columns of a tree, and what they are in a table."""


def read(priced: Priced, sort: str | None, more: Iterable[str] = ()) -> list[str]:
    """The columns that people read, with that of ``sort``.

    Under a convention other than the default, its figure is among them.
    """
    figures = () if priced.convention.name == "default" else _FIGURES
    return _once([*_READ, *figures, *more, *([sort] if sort else [])])


def chosen(priced: Priced, columns: Iterable[str], sort: str | None) -> list[str]:
    """These columns after the path, and that of ``sort``. Raises ``InputError`` for others."""
    found, all_columns = ["path"], frames.columns(priced)
    for each in columns:
        name = ALSO.get(each, each)
        if name not in all_columns:
            check_column("show(columns=...)", each, all_columns)
        found.append(name)
    return _once([*found, *([sort] if sort else [])])


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))

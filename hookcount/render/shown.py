"""``Shown``: how a report looks when it is printed, shown in a terminal, or in a notebook."""

from __future__ import annotations

from collections.abc import Iterable

from ..analysis import frames
from ..core.errors import InputError, error_text, near
from ..core.integers import as_int
from ..pricing.priced import Priced
from ..tables.encoding import printable
from ..tables.grid import plain, show, table
from . import text
from .cells import COLUMNS
from .listed import ALSO, chosen, read
from .order import SORTS
from .page.notebook import notebook

_HINT = "report.show(fold=False) shows every module."


class Shown:
    """A count that people look at."""

    priced: Priced

    def summary(self) -> str:
        """One line: parameters, their bytes, MACs, FLOPs, and the kind of the run."""
        return text.summary(self.priced)

    def show(
        self,
        depth: int | None = None,
        *,
        fold: bool = True,
        columns: Iterable[str] | None = None,
        sort: str | None = None,
        top: int | None = None,
    ) -> None:
        """Print the tree in colour, at most as wide as the terminal.

        Equal modules are one row, and the tree is as long as fits on a screen. ``depth``: all rows
        down to so many levels, and none beneath. ``fold=False``: a row for each module.
        ``columns``: some of type, output, calls, params, figure, macs, flops, share. ``sort``:
        siblings with the largest values come first, such as ``"params"``; ``"path"`` and ``"type"``
        sort them by text. ``top``: so many modules as a table, those with the largest values of
        ``sort``, or with most MACs of their own. Its columns are those of ``to_dataframe()``.

        Raises ``InputError`` for an unknown column.
        """
        names = None if columns is None else _names(columns)
        depth = as_int(depth)
        if depth is not None and (type(depth) is not int or depth < 0):
            what = "this is no number of levels"
            raise InputError(error_text(f"show(depth={depth!r})", what, "give an int, such as 2"))
        if top is not None:
            by = "own_macs" if sort is None else ALSO.get(sort, sort)
            found = frames.top(self.priced, top, by, depth)
            shown = read(self.priced, by) if names is None else chosen(self.priced, names, by)
            show(table(found[shown]))
            return
        if sort is not None:
            _check("sort", sort, SORTS)
        for each in names or ():
            _check("columns", each, COLUMNS)
        show(text.tree(self.priced, depth, sort, fold=fold, columns=names, hint=_HINT))

    def __str__(self) -> str:
        return printable(plain(text.tree(self.priced)))

    def _repr_html_(self) -> str:
        return notebook(self.priced)


def _names(columns: Iterable[str]) -> tuple[str, ...]:
    if isinstance(columns, str):
        fix = f"give a list, such as [{columns!r}]"
        raise InputError(error_text(f"show(columns={columns!r})", "this is one name", fix))
    return tuple(columns)


def _check(option: str, name: str, known: Iterable[str]) -> None:
    """Raises ``InputError`` if no column is called ``name``."""
    known = list(known)
    if name not in known:
        use = ", ".join(near(str(name), known) or known)
        what = f"no column is called {name!r}"
        raise InputError(error_text(f"show({option}=...)", what, f"use one of {use}"))

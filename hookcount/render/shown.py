"""``Shown``: how a report looks when it is printed, shown in a terminal, or in a notebook."""

from __future__ import annotations

from collections.abc import Iterable

from ..analysis import frames
from ..core.errors import InputError, error_text, near
from ..pricing.priced import Priced
from ..tables.encoding import printable
from ..tables.grid import plain, show, table
from . import text
from .cells import COLUMNS
from .page.notebook import notebook

_HINT = "report.show(fold=False) shows every module."
_SORTS = (
    *("macs", "flops", "own_macs", "own_flops", "params", "own_params", "trainable_params"),
    *("param_bytes", "output_bytes", "calls", "uncounted"),
)


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
        ``columns``: some of type, output, calls, params, macs, flops, share. ``sort``: siblings
        with the largest values come first, such as ``"params"``. ``top``: so many modules as a
        table, those with the largest values of ``sort``, or with most MACs of their own.

        Raises ``InputError`` for an unknown column, and for ``top`` with an option of the tree.
        """
        if top is not None:
            if depth is not None or not fold or columns is not None:
                what = "the top modules are a table, not a tree"
                fix = "omit depth, fold and columns; report.top() gives the table as a DataFrame"
                raise InputError(error_text("show(top=...)", what, fix))
            show(table(frames.top(self.priced, top, sort or "own_macs")[[*_READ]]))
            return
        if sort is not None:
            _check("sort", sort, _SORTS)
        if depth is not None and (type(depth) is not int or depth < 0):
            what = "this is no number of levels"
            raise InputError(error_text(f"show(depth={depth!r})", what, "give an int, such as 2"))
        chosen = None if columns is None else _chosen(columns)
        show(text.tree(self.priced, depth, sort, fold=fold, columns=chosen, hint=_HINT))

    def __str__(self) -> str:
        return printable(plain(text.tree(self.priced)))

    def _repr_html_(self) -> str:
        return notebook(self.priced)


_READ = ("path", "type", "calls", "params", "own_macs", "macs", "flops", "macs_share")


def _chosen(columns: Iterable[str]) -> tuple[str, ...]:
    if isinstance(columns, str):
        fix = f"give a list, such as [{columns!r}]"
        raise InputError(error_text(f"show(columns={columns!r})", "this is one name", fix))
    chosen = tuple(columns)
    for each in chosen:
        _check("columns", each, COLUMNS)
    return chosen


def _check(option: str, name: str, known: Iterable[str]) -> None:
    """Raises ``InputError`` if no column is called ``name``."""
    known = list(known)
    if name not in known:
        use = ", ".join(near(str(name), known) or known)
        what = f"no column is called {name!r}"
        raise InputError(error_text(f"show({option}=...)", what, f"use one of {use}"))

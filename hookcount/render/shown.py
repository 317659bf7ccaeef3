"""``Shown``: how a report looks when it is printed, shown in a terminal, or in a notebook."""

from __future__ import annotations

from collections.abc import Iterable

from ..analysis import frames
from ..analysis.columns import check_column
from ..core.errors import InputError, error_text
from ..core.integers import as_int
from ..pricing.priced import Priced
from ..tables.encoding import printable
from ..tables.grid import plain, show, table
from . import text
from .cells import COLUMNS
from .listed import ALSO, chosen, read
from .page.notebook import notebook
from .quantities import sorts

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
        ``columns``: some of type, output, calls, params, figure, macs, flops, share, and of the
        columns of ``to_dataframe()``. ``sort``: one of these columns. Siblings with the largest
        values come first; texts such as ``"path"`` go up. ``top``: so many modules as a table,
        those with the largest values of ``sort``, or with most MACs of their own.

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
        known = sorts(bool(self.priced.step_work))
        if sort is not None:
            check_column("show(sort=...)", sort, known)
        for each in names or ():
            check_column("show(columns=...)", each, [*COLUMNS, *known])
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

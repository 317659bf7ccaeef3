"""``Difference``: two counts side by side, and the rows that make their totals differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from ..core.errors import InputError, error_text
from ..core.names import clean
from ..core.ops import Ops, flops
from ..core.units import si
from ..pricing.priced import Priced
from ..pricing.tree import Node
from ..tables import exact
from ..tables.cutting import all_apart
from ..tables.figures.figure import Figure
from ..tables.grid import Renderable, grid, html, paragraph, plain, stacked
from .growth import growth

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 20
"""The most rows of a text."""
_LONG = 80
"""Characters of a path and of a type in a text."""
FIGURES = ("macs", "flops", "figure", "params")
"""What is compared: MACs, FLOPs, the figure of the convention, and parameters."""


class Changed(NamedTuple):
    """A module whose own figures or type differ between two counts."""

    path: str
    type: str
    """The type now; of a row that was removed, the type before."""
    change: str
    """``"added"``, ``"removed"`` or ``"changed"``."""
    before: dict[str, int]
    """Its own figures, without the modules beneath. Zero for a row that was added."""
    now: dict[str, int]

    def grown(self, figure: str) -> int:
        """By how much a figure of its own grew."""
        return self.now[figure] - self.before[figure]


@dataclass(frozen=True, repr=False)
class Difference:
    """What changed from one count to another, under the convention of both.

    The growth of a total is the sum of the growth of the rows: each row has the figures of a module
    itself. ``print(difference)`` shows the totals and the rows that changed most.
    """

    before: Priced
    now: Priced
    rows: tuple[Changed, ...]
    """The rows that differ, the largest growth or decline first. Empty for equal counts."""

    def total(self, figure: str) -> tuple[int, int]:
        """A figure of the whole, before and now: ``macs``, ``flops``, ``figure`` or ``params``."""
        if figure not in FIGURES:
            what = f"there is no figure {figure!r}"
            raise InputError(error_text("Difference.total", what, f"use one of {FIGURES}"))
        return _whole(self.before)[figure], _whole(self.now)[figure]

    @property
    def macs(self) -> int:
        """By how much the MACs grew."""
        before, now = self.total("macs")
        return now - before

    @property
    def params(self) -> int:
        """By how much the parameters grew."""
        before, now = self.total("params")
        return now - before

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.rows)

    def to_dataframe(self) -> pd.DataFrame:
        """One row per module that differs, with own figures before and now.

        Columns: ``path``, ``type``, ``change``, and for each figure ``own_macs_before``,
        ``own_macs`` and ``own_macs_growth``. The growth of all rows sums to that of the total.
        """
        columns: dict[str, list[object]] = {
            "path": [row.path for row in self.rows],
            "type": [row.type for row in self.rows],
            "change": [row.change for row in self.rows],
        }
        for figure in FIGURES:
            name = f"own_{figure}"
            columns[f"{name}_before"] = [row.before[figure] for row in self.rows]
            columns[name] = [row.now[figure] for row in self.rows]
            columns[f"{name}_growth"] = [row.grown(figure) for row in self.rows]
        frame = exact.frame(columns)
        frame.attrs |= {
            "convention": self.now.convention.name,
            "unit": self.now.unit,
            "versions": self.now.versions,
            "versions_before": self.before.versions,
        }
        return frame

    def plot(
        self,
        figure: Literal["macs", "flops", "params", "figure"] | None = None,
        *,
        title: str = "",
    ) -> Figure:
        """A figure of plotly: the growth of each row in one figure, the largest first.

        ``figure``: ``"macs"``, ``"flops"``, ``"params"``, or ``"figure"``, that of the convention.
        The default is MACs, and under another convention its figure. ``title``: the name of the
        model. Needs ``pip install 'hookcount[plot]'``, else raises ``MissingPackageError``. Raises
        ``InputError`` if no row differs in the figure.
        """
        convention = self.now.convention
        chosen = figure or ("macs" if convention.name == "default" else "figure")
        before, now = self.total(chosen)
        unit = {**self._figures(), "params": "parameters"}.get(chosen, convention.unit)
        some = [(row.path, row.type, row.change, row.grown(chosen)) for row in self.rows]
        name = title or self._name()
        return growth([each for each in some if each[-1]], name, unit, before, now)

    def _shown(self) -> Renderable:
        head = [
            paragraph(text, "bold" if index == 0 else "")
            for index, text in enumerate(self._heads())
        ]
        if not self.rows:
            return stacked(*head)
        shown = self._figures()
        titles = [name for figure in shown for name in (shown[figure], f"{shown[figure]} growth")]
        made = grid(("module", "type", "change", *titles), titles)
        paths = [clean(row.path) or "(model)" for row in self.rows[:SHOWN]]
        types = [clean(row.type) for row in self.rows[:SHOWN]]
        names = zip(all_apart(paths, _LONG), all_apart(types, _LONG), strict=True)
        for row, (path, kind) in zip(self.rows[:SHOWN], names, strict=True):
            cells = [
                text
                for figure in shown
                for text in (_short(row.now[figure]), _signed(row.grown(figure)))
            ]
            made.add_row(path, kind, row.change, *cells)
        more = len(self.rows) - SHOWN
        return stacked(*head, made, *([f"and {more} more rows"] if more > 0 else []))

    def _figures(self) -> dict[str, str]:
        """The figures of the text, with their titles."""
        found = {"macs": "MACs", "flops": "FLOPs", "params": "params"}
        convention = self.now.convention
        return (
            found
            if convention.name == "default"
            else {"figure": f"{clean(convention.name)} ({convention.unit})", **found}
        )

    def _name(self) -> str:
        old, new = clean(self.before.tree.type), clean(self.now.tree.type)
        return old if old == new else f"{old} -> {new}"

    def _heads(self) -> Iterator[str]:
        yield self._name() + (
            ": " + ", ".join(self._totals()) if self.rows else ": nothing differs"
        )
        was, now = "; ".join(self.before.tree.inputs), "; ".join(self.now.tree.inputs)
        if was != now:
            yield f"input {was} -> {now}"

    def _totals(self) -> Iterator[str]:
        for figure, title in self._figures().items():
            before, now = self.total(figure)
            grown = "the same" if before == now else _signed(now - before)
            yield f"{title} {si(before)} -> {si(now)} ({grown})"

    def __str__(self) -> str:
        return plain(self._shown())

    def __repr__(self) -> str:
        return f"<hookcount.Difference rows={len(self.rows)} macs={self.macs:+}>"

    def _repr_html_(self) -> str:
        return html(self._shown())


def difference(before: Priced, now: Priced) -> Difference:
    """What changed from one count to another. Rows are matched by path.

    Raises ``InputError`` for two conventions.
    """
    if before.convention.name != now.convention.name:
        names = f"{before.convention.name!r} and {now.convention.name!r}"
        fix = (
            "take both under one: a.under(name).diff(b.under(name)); reconcile compares conventions"
        )
        raise InputError(error_text("diff", f"the conventions are {names}", fix))
    old, new = ({node.path: node for node in each.tree} for each in (before, now))
    rows = [
        row
        for path in (*new, *(each for each in old if each not in new))
        if (row := _changed(path, old.get(path), new.get(path), before, now)) is not None
    ]
    rows.sort(key=lambda row: tuple(-abs(row.grown(figure)) for figure in FIGURES))
    return Difference(before, now, tuple(rows))


def _changed(
    path: str, old: Node | None, new: Node | None, before: Priced, now: Priced
) -> Changed | None:
    was, here = _own(old, before), _own(new, now)
    found = new or old
    if found is None or (old and new and old.type == new.type and was == here):
        return None
    change = "added" if old is None else "removed" if new is None else "changed"
    kind = found.type if not (old and new) or old.type == new.type else f"{old.type} -> {new.type}"
    return Changed(path, kind, change, was, here)


def _own(node: Node | None, priced: Priced) -> dict[str, int]:
    if node is None:
        return dict.fromkeys(FIGURES, 0)
    return _named(node.own, node.own_params, priced)


def _whole(priced: Priced) -> dict[str, int]:
    return _named(priced.tree.total, priced.tree.params, priced)


def _named(ops: Ops, params: int, priced: Priced) -> dict[str, int]:
    figures = (ops.macs, flops(ops), priced.convention.figure(ops), params)
    return dict(zip(FIGURES, figures, strict=True))


def _short(count: int) -> str:
    return si(count) if count else ""


def _signed(growth: int) -> str:
    """By how much a figure grew. Empty for nothing.

    >>> _signed(1500), _signed(-12), _signed(0)
    ('+1.50 k', '-12', '')
    """
    return f"{'+' if growth > 0 else '-'}{si(abs(growth))}" if growth else ""

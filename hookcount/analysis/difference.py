"""``Changes``: two counts side by side, and the rows that make their totals differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ..core.errors import InputError, error_text
from ..core.names import clean
from ..core.ops import Ops, flops
from ..core.units import si
from ..pricing.priced import Priced
from ..pricing.tree import Node
from ..tables import exact

if TYPE_CHECKING:
    import pandas as pd

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
class Changes:
    """Two counts under one convention, the rows that differ, and the totals."""

    before: Priced
    now: Priced
    rows: tuple[Changed, ...]
    """Those that differ, the largest growth or decline first. Empty for equal counts."""

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

    def figures(self) -> dict[str, str]:
        """The figures that people read, with their titles."""
        found = {"macs": "MACs", "flops": "FLOPs", "params": "params"}
        convention = self.now.convention
        return (
            found
            if convention.name == "default"
            else {"figure": f"{clean(convention.name)} ({convention.unit})", **found}
        )

    def model(self) -> str:
        """The class of the model, or both classes if they differ."""
        old, new = clean(self.before.tree.type), clean(self.now.tree.type)
        return old if old == new else f"{old} -> {new}"

    def headings(self) -> Iterator[str]:
        """The totals in one line, and another line if the inputs differ."""
        yield self.model() + (
            ": " + ", ".join(self._totals()) if self.rows else ": nothing differs"
        )
        was, now = "; ".join(self.before.tree.inputs), "; ".join(self.now.tree.inputs)
        if was != now:
            yield f"input {was} -> {now}"

    def _totals(self) -> Iterator[str]:
        for figure, title in self.figures().items():
            before, now = self.total(figure)
            grown = signed(now - before) or "the same"
            yield f"{title} {si(before)} -> {si(now)} ({grown})"


def changes(before: Priced, now: Priced) -> tuple[Changed, ...]:
    """The rows that differ, the largest growth or decline first. They are matched by path.

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
    return tuple(rows)


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


def signed(growth: int) -> str:
    """By how much a figure grew. Empty for nothing.

    >>> signed(1500), signed(-12), signed(0)
    ('+1.50 k', '-12', '')
    """
    return f"{'+' if growth > 0 else '-'}{si(abs(growth))}" if growth else ""

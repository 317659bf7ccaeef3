"""The columns of a table of modules, as values of the rows of a folded tree."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..analysis.columns import STEP_COLUMNS, columns_of
from ..analysis.folding.row import Row
from ..core.ops import Ops, flops
from ..pricing.priced import Priced
from ..pricing.step import StepWork
from ..pricing.tree import Node

TEXTS = ("path", "type", "input_shapes", "output_shapes")
"""Columns of text. They are sorted upwards."""
SHARE = "share"
"""The share of the convention's figure. It is a column of trees only."""
_OWN = ("own_macs", "own_flops", "own_figure")
_TOTALS = ("macs", "flops", "figure", "macs_share", SHARE)


def sorts(step: bool) -> list[str]:
    """The columns by which siblings may be sorted. ``step``: whether a training step is counted."""
    return [*columns_of(step), SHARE]


def numbers(priced: Priced, column: str) -> Callable[[Row], list[int]]:
    """The values of a column of numbers: of each module that a row stands for, or one sum."""
    if column in _TOTALS:
        of = _work(priced, column)
        return lambda row: [of(each) for each in row.works()]
    if column == "params":
        return lambda row: row.params()
    if column in _OWN:
        of = _work(priced, column.removeprefix("own_"))
        return lambda row: _summed(row, [of(node.own) for node in row.nodes])
    if column in STEP_COLUMNS:
        return _of_step(priced.step_work, column)
    return lambda row: _summed(row, [_field(row, node, column) for node in row.nodes])


def _work(priced: Priced, name: str) -> Callable[[Ops], int]:
    if name in ("figure", SHARE):
        return priced.convention.figure
    return flops if name == "flops" else _macs


def _macs(ops: Ops) -> int:
    return ops.macs


def _summed(row: Row, found: list[int]) -> list[int]:
    return [sum(found)] if row.kind == "others" else found


def _field(row: Row, node: Node, name: str) -> int:
    """A field of a module. What a module did itself has none."""
    found: int = getattr(node, name)
    return 0 if row.kind == "itself" else found


def _of_step(work: Mapping[str, StepWork], name: str) -> Callable[[Row], list[int]]:
    """A column of a training step. What a module did itself is what no module beneath has."""

    def at(node: Node) -> int:
        found: int = getattr(work.get(node.path, StepWork()), name)
        return found

    def itself(node: Node) -> int:
        return at(node) - (0 if name.startswith("own_") else sum(map(at, node.children)))

    def values(row: Row) -> list[int]:
        return _summed(row, list(map(itself if row.kind == "itself" else at, row.nodes)))

    return values

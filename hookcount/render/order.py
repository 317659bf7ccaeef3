"""In which order siblings of a tree are shown: the largest first, or by name or type."""

from __future__ import annotations

import re
from collections.abc import Callable

from ..analysis.folding.opening import Order
from ..analysis.folding.row import Row
from ..core.ops import Ops, flops
from ..pricing.priced import Priced

_TOTALS = ("macs", "flops", "figure", "macs_share", "share")
_OWN = ("own_macs", "own_flops", "own_figure")
_FIELDS = (
    *("params", "own_params", "trainable_params", "param_bytes", "output_bytes"),
    *("calls", "uncounted"),
)
SORTS = (*_TOTALS, *_OWN, *_FIELDS, "path", "type")
"""The columns by which siblings may be sorted. ``share`` is that of the tree."""


def order(priced: Priced, column: str) -> Order:
    """The order of siblings by a column of ``SORTS``. Texts go up, as names with numbers do."""
    if column == "path":
        return lambda row: _natural(row.name)
    if column == "type":
        return lambda row: row.type
    if column == "params":
        return lambda row: -sum(row.params())
    if column in _FIELDS:
        return lambda row: -_field(row, column)
    of = _work(priced, column.removeprefix("own_"))
    if column in _OWN:
        return lambda row: -sum([of(node.own) for node in row.nodes])
    return lambda row: -of(row.total)


def _work(priced: Priced, name: str) -> Callable[[Ops], int]:
    if name in ("figure", "share"):
        return priced.convention.figure
    return flops if name == "flops" else _macs


def _macs(ops: Ops) -> int:
    return ops.macs


def _field(row: Row, name: str) -> int:
    """A field of all modules of a row. What a module did itself has none."""
    return 0 if row.kind == "itself" else sum([getattr(node, name) for node in row.nodes])


def _natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """A name as a key: its numbers are compared as numbers.

    >>> sorted(["10", "9", "b2", "b10"], key=_natural)
    ['9', '10', 'b2', 'b10']
    """
    parts = re.findall(r"[0-9]{1,18}|[^0-9]+", name)
    return tuple([(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts])

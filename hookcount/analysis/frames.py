"""A priced trace as pandas DataFrames."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..core.errors import InputError
from ..core.ops import FLOPS_ARE, KINDS, NOTHING, Ops, flops
from ..pricing.priced import Priced
from ..pricing.tree import Node
from ..rules.convention import Convention

if TYPE_CHECKING:
    import pandas as pd


def framed(rows: list[dict[str, Any]], columns: list[str], priced: Priced) -> pd.DataFrame:
    """Rows as a frame whose ``attrs`` say how they were counted."""
    import pandas as pd

    frame = pd.DataFrame(rows, columns=columns)
    frame.attrs.update(convention=priced.convention.name, unit=FLOPS_ARE, run=priced.run)
    return frame


MODULE_COLUMNS = [
    "path",
    "type",
    "depth",
    "calls",
    "params",
    "trainable_params",
    "param_bytes",
    "own_params",
    "own_macs",
    "own_flops",
    "macs",
    "flops",
    "macs_share",
    "input_shapes",
    "output_shapes",
    "output_bytes",
    "uncounted",
]


def modules(priced: Priced) -> pd.DataFrame:
    """One row per place."""
    return framed([_module(node, priced) for node in priced.tree], MODULE_COLUMNS, priced)


def _module(node: Node, priced: Priced) -> dict[str, Any]:
    return {
        "path": node.path,
        "type": node.type,
        "depth": node.depth,
        "calls": node.calls,
        "params": node.params,
        "trainable_params": node.trainable_params,
        "param_bytes": node.param_bytes,
        "own_params": node.own_params,
        "own_macs": node.own.macs,
        "own_flops": flops(node.own),
        "macs": node.total.macs,
        "flops": flops(node.total),
        "macs_share": node.total.macs / priced.macs if priced.macs else 0.0,
        "input_shapes": "; ".join(node.inputs),
        "output_shapes": "; ".join(node.outputs),
        "output_bytes": node.output_bytes,
        "uncounted": node.uncounted,
    }


def by_type(priced: Priced) -> pd.DataFrame:
    """One row per module type: how many places, calls, parameters, and what they did themselves."""
    rows: dict[str, dict[str, Any]] = {}
    own: dict[str, Ops] = {}
    for node in priced.tree:
        row = rows.setdefault(node.type, {"type": node.type, "modules": 0, "calls": 0, "params": 0})
        row["modules"] += 1
        row["calls"] += node.calls
        row["params"] += node.own_params
        own[node.type] = own.get(node.type, NOTHING) + node.own
    counted = [{**row, **counts(own[name], priced)} for name, row in rows.items()]
    return _by_count(counted, ["type", "modules", "calls", "params"], priced)


def by_convention(priced: Priced, conventions: Iterable[Convention]) -> pd.DataFrame:
    """One row per convention."""
    rows = [
        {
            "convention": each.name,
            "unit": each.unit,
            "figure": priced.under(each).headline,
            "exact": each.exact,
            "mirrors": each.mirrors,
        }
        for each in conventions
    ]
    return framed(rows, ["convention", "unit", "figure", "exact", "mirrors"], priced)


def by_op(priced: Priced) -> pd.DataFrame:
    """One row per target that was priced."""
    found: dict[tuple[str, str], tuple[int, Ops]] = {}
    for record in priced.records:
        calls, ops = found.get((record.target, record.by), (0, NOTHING))
        found[record.target, record.by] = (calls + record.calls, ops + record.ops)
    rows = [
        {"target": target, "by": by, "calls": calls, **counts(ops, priced)}
        for (target, by), (calls, ops) in found.items()
    ]
    return _by_count(rows, ["target", "by", "calls"], priced)


def top(priced: Priced, n: int, by: str) -> pd.DataFrame:
    """The ``n`` largest rows by a numeric column."""
    frame = modules(priced)
    numeric = list(frame.select_dtypes("number").columns)
    if by not in numeric:
        raise InputError(
            f"top(by={by!r}): no such column. To fix it: use one of {', '.join(numeric)}."
        )
    return frame.sort_values(by, ascending=False, kind="stable").head(n).reset_index(drop=True)


def counts(ops: Ops, priced: Priced) -> dict[str, Any]:
    """The columns of every table of counts."""
    share = ops.macs / priced.macs if priced.macs else 0.0
    others = {kind: getattr(ops, kind) for kind in KINDS[1:]}
    return {"macs": ops.macs, "flops": flops(ops), "macs_share": share, **others}


def _by_count(rows: list[dict[str, Any]], first: list[str], priced: Priced) -> pd.DataFrame:
    frame = framed(rows, [*first, "macs", "flops", "macs_share", *KINDS[1:]], priced)
    return frame.sort_values(["macs", "flops"], ascending=False, kind="stable").reset_index(
        drop=True
    )

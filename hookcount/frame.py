"""Reports as pandas DataFrames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from .errors import InputError
from .ops import FLOPS_ARE, KINDS, NOTHING, Ops, flops
from .tree import Node

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .conventions import Convention
    from .report import Report


def _frame(rows: list[dict[str, Any]], columns: list[str], report: Report) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=columns)
    frame.attrs.update(convention=report.convention.name, unit=FLOPS_ARE, run=report.run)
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


def modules(report: Report) -> pd.DataFrame:
    """One row per place."""
    return _frame([_module(node, report) for node in report.tree], MODULE_COLUMNS, report)


def _module(node: Node, report: Report) -> dict[str, Any]:
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
        "macs_share": node.total.macs / report.macs if report.macs else 0.0,
        "input_shapes": "; ".join(node.inputs),
        "output_shapes": "; ".join(node.outputs),
        "output_bytes": node.output_bytes,
        "uncounted": node.uncounted,
    }


def by_type(report: Report) -> pd.DataFrame:
    """One row per module type: how many places, calls, parameters, and what they did themselves."""
    rows: dict[str, dict[str, Any]] = {}
    own: dict[str, Ops] = {}
    for node in report.tree:
        row = rows.setdefault(node.type, {"type": node.type, "modules": 0, "calls": 0, "params": 0})
        row["modules"] += 1
        row["calls"] += node.calls
        row["params"] += node.own_params
        own[node.type] = own.get(node.type, NOTHING) + node.own
    counted = [{**row, **_counts(own[name], report)} for name, row in rows.items()]
    return _by_count(counted, ["type", "modules", "calls", "params"], report)


def by_convention(report: Report, conventions: Iterable[Convention]) -> pd.DataFrame:
    """One row per convention."""
    rows = [
        {
            "convention": each.name,
            "unit": each.unit,
            "figure": report.under(each).headline,
            "exact": each.exact,
            "mirrors": each.mirrors,
        }
        for each in conventions
    ]
    return _frame(rows, ["convention", "unit", "figure", "exact", "mirrors"], report)


def by_op(report: Report) -> pd.DataFrame:
    """One row per target that was priced."""
    found: dict[tuple[str, str], tuple[int, Ops]] = {}
    for record in report.records:
        calls, ops = found.get((record.target, record.by), (0, NOTHING))
        found[record.target, record.by] = (calls + record.calls, ops + record.ops)
    rows = [{"target": target, "by": by, "calls": calls, **_counts(ops, report)} for (target, by), (calls, ops) in found.items()]
    return _by_count(rows, ["target", "by", "calls"], report)


def top(report: Report, n: int, by: str) -> pd.DataFrame:
    """The ``n`` largest rows by a numeric column."""
    frame = modules(report)
    numeric = [name for name in frame.columns if pd.api.types.is_numeric_dtype(frame[name])]
    if by not in numeric:
        raise InputError(f"top(by={by!r}): no such column. To fix it: use one of {', '.join(numeric)}.")
    return frame.sort_values(by, ascending=False, kind="stable").head(n).reset_index(drop=True)


def _counts(ops: Ops, report: Report) -> dict[str, Any]:
    share = ops.macs / report.macs if report.macs else 0.0
    others = {kind: getattr(ops, kind) for kind in KINDS[1:]}
    return {"macs": ops.macs, "flops": flops(ops), "macs_share": share, **others}


def _by_count(rows: list[dict[str, Any]], first: list[str], report: Report) -> pd.DataFrame:
    frame = _frame(rows, [*first, "macs", "flops", "macs_share", *KINDS[1:]], report)
    return frame.sort_values(["macs", "flops"], ascending=False, kind="stable").reset_index(drop=True)

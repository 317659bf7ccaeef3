"""A report for other programs: CSV, JSON, Markdown."""

from __future__ import annotations

import json as _json
from typing import TYPE_CHECKING, Any

from .. import frame
from ..ops import FLOPS_ARE, flops
from ..units import si

if TYPE_CHECKING:
    from ..report import Report


def csv(report: Report) -> str:
    """All columns of ``to_dataframe()``."""
    return str(frame.modules(report).to_csv(index=False))


def json(report: Report) -> str:
    """An object: totals, convention, doubts, and ``modules``, a list of rows."""
    ops = report.total
    whole: dict[str, Any] = {
        "macs": report.macs,
        "flops": report.flops,
        "params": report.params,
        "param_bytes": report.param_bytes,
        "convention": report.convention.name,
        "unit": FLOPS_ARE,
        "run": report.run,
        "operations": {kind: getattr(ops, kind) for kind in ("macs", "adds", "muls", "compares", "specials")},
        "uncounted": [{"target": each.target, "paths": list(each.paths), "calls": each.calls} for each in report.uncounted],
        "modules": frame.modules(report).to_dict(orient="records"),
    }
    return _json.dumps(whole, indent=2) + "\n"


def markdown(report: Report) -> str:
    """The columns people read, counts with SI prefixes; nothing is cut."""
    lines = ["| module | type | calls | output | params | MACs | FLOPs | % MACs |", "|---|---|---:|---|---:|---:|---:|---:|"]
    for node in report.tree:
        share = f"{100 * node.total.macs / report.macs:.1f}" if report.macs else ""
        cells = [
            node.path or "(model)",
            node.type,
            str(node.calls),
            node.outputs[0] if node.outputs else "",
            si(node.params),
            si(node.total.macs),
            si(flops(node.total)),
            share,
        ]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"

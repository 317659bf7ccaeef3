"""What ptflops' backend "aten" prints: the figure of each op, in the model and in its children."""

from __future__ import annotations

from ...report import Report
from .utils import flops_to_string

_WHOLE = "Global"
"""The name that stands for the whole model."""


def text(report: Report, units: str | None, precision: int) -> str:
    """The total, and the figures of the ops in the model and in each child that runs such ops.

    Ops that the model itself runs come after those of its children. A child that is not called,
    such as an ``nn.ModuleList``, has no line.
    """
    called = {run.path for run in report.priced.trace.runs}
    found: dict[str, dict[str, int]] = {_WHOLE: {}}
    for record in sorted(report.records, key=lambda each: each.path == ""):
        child = record.path.partition(".")[0]
        op = record.target.replace("::", ".")
        for name in (_WHOLE, child) if child and child in called else (_WHOLE,):
            ops = found.setdefault(name, {})
            ops[op] = ops.get(op, 0) + report.convention.figure(record.ops)
    lines = [f"Total:{flops_to_string(report.headline, units, precision)}"]
    for name, ops in found.items():
        lines.append(f"Module:  {name}")
        lines += [f"{op}: {flops_to_string(each, units, precision)}" for op, each in ops.items()]
        lines.append("")
    return "\n".join(lines)

"""A count as text for other programs: CSV, JSON, Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..analysis import frames
from ..core.ops import FLOPS_ARE, KINDS, flops
from ..core.units import si
from ..pricing.priced import Priced
from ..tables import rows

if TYPE_CHECKING:
    import pandas as pd

_TITLES = ("module", "type", "calls", "output", "params", "MACs", "FLOPs", "% MACs")
_NUMBERS = ("calls", "params", "MACs", "FLOPs", "% MACs")


def csv(priced: Priced, shown: pd.DataFrame | None = None) -> str:
    """All columns of ``to_dataframe()``. ``shown``: the rows to write, all if None."""
    return rows.csv(frames.modules(priced) if shown is None else shown)


def json(priced: Priced, shown: pd.DataFrame | None = None) -> str:
    """A JSON object: totals, convention, uncounted targets, and ``modules``, a list of rows.

    ``shown``: the rows to write, all if None.
    """
    modules = rows.records(frames.modules(priced) if shown is None else shown)
    return rows.json({**totals(priced), "modules": modules})


def totals(priced: Priced) -> dict[str, object]:
    """Totals, convention and uncounted targets, as values that JSON can hold."""
    return {
        "macs": priced.macs,
        "flops": priced.flops,
        "params": priced.params,
        "param_bytes": priced.param_bytes,
        "convention": priced.convention.name,
        "unit": FLOPS_ARE,
        "run": priced.run,
        "operations": {kind: getattr(priced.total, kind) for kind in KINDS},
        "uncounted": [
            {"target": each.target, "paths": list(each.paths), "calls": each.calls}
            for each in priced.uncounted
        ],
    }


def markdown(priced: Priced, shown: Iterable[int] | None = None) -> str:
    """A Markdown table of the columns that people read, with SI prefixes.

    ``shown``: the rows to write, by their index in ``to_dataframe()``; all if None.
    """
    nodes = list(priced.tree)
    chosen = nodes if shown is None else [nodes[index] for index in shown]
    cells = [
        (
            node.path or "(model)",
            node.type,
            node.calls,
            node.outputs[0] if node.outputs else "",
            si(node.params),
            si(node.total.macs),
            si(flops(node.total)),
            f"{100 * node.total.macs / priced.macs:.1f}" if priced.macs else "",
        )
        for node in chosen
    ]
    return rows.markdown(_TITLES, cells, _NUMBERS)

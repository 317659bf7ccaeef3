"""A count as text for other programs: CSV, JSON, Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..analysis import frames
from ..analysis.reading import SCHEMA, extras, uncounted
from ..core.ops import KINDS, flops
from ..core.units import si
from ..pricing.priced import Priced
from ..tables import exact, rows

if TYPE_CHECKING:
    import pandas as pd

ROOT = "(model)"
"""The path of the root in a table. Elsewhere it is empty, as in ``named_modules``."""
_FIRST = ("module", "type", "calls", "output", "params")
_LAST = ("MACs", "FLOPs", "% MACs")
_NUMBERS = ("calls", "params", "MACs", "FLOPs", "% MACs")


def csv(priced: Priced, shown: pd.DataFrame | None = None) -> str:
    """All columns of ``to_dataframe()``, the convention, and the unit of its figure.

    The root has the path ``(model)``. ``shown``: the rows to write, all if None.
    """
    return rows.csv(
        named(priced, shown).assign(convention=priced.convention.name, unit=priced.unit)
    )


def named(priced: Priced, shown: pd.DataFrame | None = None) -> pd.DataFrame:
    """The rows of ``to_dataframe()``, where the root has the path ``(model)``.

    ``shown``: the rows to write, all if None.
    """
    frame = frames.modules(priced) if shown is None else shown
    paths = exact.column([path or ROOT for path in frame["path"]])
    return frame.assign(path=paths.set_axis(frame.index))


def json(priced: Priced, shown: pd.DataFrame | None = None) -> str:
    """A JSON object: totals, convention, uncounted targets, and ``modules``, a list of rows.

    ``shown``: the rows to write, all if None. If all are there, ``Report.from_json`` reads it.
    """
    head = {
        "schema": SCHEMA,
        "model": priced.tree.type,
        "input": list(priced.tree.inputs),
        "backward_seen": priced.backward_seen,
        "module_count": sum(1 for _ in priced.rows),
    }
    modules = rows.records(frames.modules(priced) if shown is None else shown)
    more = extras(priced)
    return rows.json({**head, **totals(priced), **more, "modules": modules})


def totals(priced: Priced) -> dict[str, object]:
    """Totals, convention and uncounted targets, as values that JSON can hold."""
    return {
        "macs": priced.macs,
        "flops": priced.flops,
        "params": priced.params,
        "param_bytes": priced.param_bytes,
        **frames.facts(priced),
        "operations": {kind: getattr(priced.total, kind) for kind in KINDS},
        "uncounted": uncounted(priced.sums),
    }


def markdown(priced: Priced, shown: Iterable[int] | None = None) -> str:
    """A Markdown table of the columns that people read, with SI prefixes.

    Under a convention other than the default there is a column of its figure.
    ``shown``: the rows to write, by their index in ``to_dataframe()``; all if None.
    """
    nodes = list(priced.rows)
    chosen = nodes if shown is None else [nodes[index] for index in shown]
    convention = priced.convention
    figure = [] if convention.name == "default" else [f"{priced.unit} ({convention.name})"]
    cells = [
        (
            node.path or ROOT,
            node.type,
            node.calls,
            node.outputs[0] if node.outputs else "",
            si(node.params),
            *[si(convention.figure(node.total)) for _ in figure],
            si(node.total.macs),
            si(flops(node.total)),
            f"{100 * node.total.macs / priced.macs:.1f}" if priced.macs else "",
        )
        for node in chosen
    ]
    return rows.markdown((*_FIRST, *figure, *_LAST), cells, (*_NUMBERS, *figure))

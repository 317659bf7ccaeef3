"""A timing as text for other programs: CSV, JSON, Markdown."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..core.units import si
from ..render.data import ROOT, totals
from ..tables import rows
from .frame import modules
from .measured import Measured
from .text import duration, per_second

if TYPE_CHECKING:
    import pandas as pd

TITLES = ("module", "type", "calls", "MACs", "FLOPs", "own", "seconds", "% seconds", "FLOP/s")
"""The columns that people read."""
NUMBERS = TITLES[2:]
"""Those that hold numbers."""


def csv(timing: Measured, shown: pd.DataFrame | None = None) -> str:
    """All columns of ``to_dataframe()``. The root has the path ``(model)``.

    ``shown``: the rows to write, all if None.
    """
    frame = modules(timing) if shown is None else shown
    return rows.csv(frame.assign(path=[path or ROOT for path in frame["path"]]))


def json(timing: Measured, shown: pd.DataFrame | None = None) -> str:
    """A JSON object: the figures of the timing, those of the count, and ``modules``.

    ``shown``: the rows to write, all if None. What is unknown is null.
    """
    frame = modules(timing) if shown is None else shown
    records = [
        {name: None if _is_nan(value) else value for name, value in row.items()}
        for row in rows.records(frame)
    ]
    count = {} if timing.counted is None else totals(timing.counted.priced)
    return rows.json({**figures(timing), **count, "modules": records})


def figures(timing: Measured) -> dict[str, object]:
    """The figures of a timing, as values that JSON can hold."""
    counted = timing.counted is not None
    batch = timing.batch
    return {
        "type": timing.type,
        "layers": timing.size.layers,
        "gradients": timing.size.gradients,
        "seconds": timing.seconds,
        "spread": asdict(timing.spread),
        "runs": timing.runs,
        "fps": timing.fps,
        "samples_per_second": timing.samples_per_second,
        "batch": None if batch is None else batch._asdict(),
        "flops_per_second": timing.flops_per_second if counted else None,
        "macs_per_second": timing.macs_per_second if counted else None,
        "overhead": timing.overhead,
        "machine": {name: _plain(value) for name, value in asdict(timing.machine).items()},
        "notes": list(timing.notes),
    }


def markdown(timing: Measured, shown: pd.DataFrame | None = None) -> str:
    """A Markdown table of the columns that people read. ``shown``: the rows, all if None."""
    return rows.markdown(TITLES, cells(modules(timing) if shown is None else shown), NUMBERS)


def cells(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """The rows as short text, in the columns of ``TITLES``. ``own`` are the own seconds."""
    return [
        (
            str(row["path"]) or "(model)",
            str(row["type"]),
            str(row["calls"]),
            _positive(row.get("macs"), si),
            _positive(row.get("flops"), si),
            _positive(row["own_seconds"], duration),
            _positive(row["seconds"], duration),
            _positive(row["seconds_share"], lambda share: f"{100 * share:.1f}"),
            _positive(row.get("flops_per_second"), per_second).strip(),
        )
        for row in rows.records(frame)
    ]


def _positive(value: Any, shown: Callable[[Any], str]) -> str:
    """A figure as text. Empty for zero, and for what is unknown."""
    return shown(value) if value is not None and value > 0 else ""


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _plain(value: object) -> object:
    return value if isinstance(value, (str, int, bool, type(None))) else str(value)

"""The table of devices as a DataFrame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.devices import ALL, DTYPES, DeviceRow

if TYPE_CHECKING:
    import pandas as pd


def devices() -> pd.DataFrame:
    """One row per device: dense and sparse peaks, memory, and the documents that state them.

    A figure that the documents do not give is missing (NaN), never guessed. Peaks are in FLOP/s,
    those of int8 in OP/s.
    """
    import pandas as pd

    frame = pd.DataFrame([_row(each) for each in ALL])
    figures = [name for name in frame.columns if name.endswith(("_per_second", "_bytes"))]
    return frame.astype(dict.fromkeys(figures, float))


def _row(row: DeviceRow) -> dict[str, object]:
    return {
        "name": row.name,
        "maker": row.maker,
        "kind": row.kind,
        **{_column(name): getattr(row.dense, name) for name in DTYPES},
        **{_column(name, "_sparse"): getattr(row.sparse, name) for name in DTYPES},
        "memory_bytes": row.memory_bytes,
        "memory_bytes_per_second": row.memory_bytes_per_second,
        "document": "; ".join(each.title for each in row.documents),
        "url": " ".join(each.url for each in row.documents),
        "date": "; ".join(each.date for each in row.documents),
        "quoted_in": " ".join(each.quoted_in for each in row.documents if each.quoted_in),
        "note": row.note,
    }


def _column(dtype: str, sparse: str = "") -> str:
    return f"{dtype}{sparse}_{'ops' if dtype == 'int8' else 'flops'}_per_second"

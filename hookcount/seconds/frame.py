"""A timing as a pandas DataFrame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .measured import Measured
from .text import level

if TYPE_CHECKING:
    import pandas as pd

SECONDS_COLUMNS = [
    "own_seconds",
    "seconds",
    "seconds_share",
    "flops_per_second",
    "own_flops_per_second",
]


def modules(timing: Measured) -> pd.DataFrame:
    """One row per place of the tree: the columns of the count, and seconds."""
    import pandas as pd

    if timing.counted is not None:
        frame = timing.counted.to_dataframe()
    else:
        rows = [(each.path, each.type, level(each), each.calls) for each in timing.modules]
        frame = pd.DataFrame(
            rows or [("", timing.type, 0, 1)], columns=["path", "type", "depth", "calls"]
        )
    total = timing.seconds
    found = {each.path: (each.own_seconds, each.seconds) for each in timing.modules}
    pairs = [found.get(path, (None, None if path else total)) for path in frame["path"].astype(str)]
    frame["own_seconds"] = pd.Series([own for own, _ in pairs], dtype=float)
    frame["seconds"] = pd.Series([whole for _, whole in pairs], dtype=float)
    frame["seconds_share"] = frame["seconds"] / total if total else 0.0
    if timing.counted is not None:
        frame["flops_per_second"] = _rates(frame["flops"], frame["seconds"])
        frame["own_flops_per_second"] = _rates(frame["own_flops"], frame["own_seconds"])
    frame.attrs["machine"] = str(timing.machine)
    return frame


def _rates(flops: pd.Series[int], seconds: pd.Series[float]) -> pd.Series[float]:
    """FLOPs over seconds: zero where there is no work, and empty where work took no time."""
    return (flops / seconds.where(seconds > 0)).where(flops > 0, 0.0)

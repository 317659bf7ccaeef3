"""``Comparison``: the table of ``compare``, which can be drawn. Importing it imports pandas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from ..core.errors import InputError, error_text
from ..core.names import clean
from ..core.units import si
from ..tables.figures.bars import Series, bars
from ..tables.figures.figure import PALETTE, Figure, Heading

PARAMETERS = "parameters"


class Comparison(pd.DataFrame):
    """A row for each model, a column for each convention.

    ``comparison.plot()`` is a figure of plotly. With arguments, and as ``plot.bar`` ..., it is
    pandas' own plot, and so it is for a table without models and units.
    """

    @property
    def _constructor(self) -> type[Comparison]:
        return Comparison

    @property
    def plot(self) -> Plot:  # type: ignore[override]
        """Draws the table."""
        return Plot(self)


class Plot:
    """The plot of a comparison."""

    def __init__(self, frame: Comparison) -> None:
        self._frame = frame

    def __call__(self, *args: Any, title: str = "", **options: Any) -> Figure:
        """A figure of plotly: bars for each model, with a panel for each unit.

        Needs ``pip install 'hookcount[plot]'``, else raises ``MissingPackageError``. Raises
        ``InputError`` for a comparison of no models.
        """
        if args or options:
            drawn: Figure = pd.DataFrame.plot(self._frame)(*args, title=title or None, **options)
            return drawn
        return _figure(self._frame, title)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(pd.DataFrame.plot(self._frame), name)


def _figure(frame: pd.DataFrame, title: str) -> Figure:
    models = [clean(str(each)) for each in frame["model"]]
    if not models:
        raise InputError(error_text("plot()", "there is no model", "compare at least one"))
    what = f"{len(models)} model{'s' * (len(models) != 1)} side by side"
    versions = [f"{name} {each}" for name, each in frame.attrs.get("versions", {}).items()]
    return bars(models, list(_series(frame, models)), Heading(title or what, versions))


def _series(frame: pd.DataFrame, models: list[str]) -> Iterator[Series]:
    units = {**frame.attrs["units"], "params": PARAMETERS}
    units = {name: unit for name, unit in units.items() if name in frame}
    for place, (name, unit) in enumerate(units.items()):
        values = [None if _is_missing(each) else int(each) for each in frame[name]]
        shown = PARAMETERS if name == "params" else f"{name} ({unit})"
        yield Series(
            name=shown,
            unit=unit,
            values=values,
            texts=["" if each is None else si(each) for each in values],
            hovers=[
                (model, shown, "" if each is None else f"{each:,} {unit}")
                for model, each in zip(models, values, strict=True)
            ],
            colour=PALETTE[-1] if name == "params" else PALETTE[place % (len(PALETTE) - 1)],
        )


def _is_missing(value: object) -> bool:
    return value is None or value != value

"""Bars to the right, each with a label. Each unit has a panel of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from ..cutting import all_apart
from .axis import Axis
from .figure import EDGE, LABEL, PAPER, Figure, Heading, drawn, escaped, harmless, hover, plotly

_BAR, _BESIDE = 26, 17
"""Pixels."""
_AROUND = 170
_GAP = 0.06
_LEAST, _MOST = 300, 1600


class Series(NamedTuple):
    """A bar for each label, or None where it has none."""

    name: str
    unit: str
    values: Sequence[int | None]
    texts: Sequence[str]
    """By bar, a text beside it."""
    hovers: Sequence[Sequence[str]]
    colour: str = ""
    """Empty for white."""


def bars(
    labels: Sequence[str],
    series: Sequence[Series],
    heading: Heading,
    *,
    mode: Literal["overlay", "group"] = "group",
    legend: bool = True,
) -> Figure:
    """Bars from top to bottom. ``labels`` are clean texts; two may be alike.

    ``overlay``: a label has one bar, of one series. ``group``: it has one of each.
    """
    of_each = [each.unit for each in series]
    units = list(dict.fromkeys(of_each))
    axes = {
        unit: Axis(
            unit,
            [
                value
                for each in series
                if each.unit == unit
                for value in each.values
                if value is not None
            ],
        )
        for unit in units
    }
    traces = [_trace(each, axes[each.unit], units.index(each.unit), mode) for each in series]
    beside = (
        1
        if mode == "overlay"
        else max([[each.unit for each in series].count(unit) for unit in units])
    )
    height = _AROUND + len(labels) * max(_BAR, _BESIDE * beside + 8)
    layout: dict[str, Any] = {
        "barmode": mode,
        "bargap": 0.25,
        "height": min(_MOST, max(_LEAST, height)),
        "showlegend": legend,
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1, "x": 0},
        "margin": {"t": 100 if legend else 70, "l": 20, "r": 30, "b": 50},
        "yaxis": {
            "autorange": "reversed",
            "automargin": True,
            "tickmode": "array",
            "tickvals": list(range(len(labels))),
            "ticktext": [f"{escaped(each)}&nbsp;" for each in all_apart(labels, LABEL)],
            "showgrid": False,
            "zeroline": False,
        },
    }
    wide = (1 - _GAP * (len(units) - 1)) / len(units)
    for place, unit in enumerate(units):
        start = place * (wide + _GAP)
        layout[f"xaxis{place + 1 if place else ''}"] = {
            "title": {"text": harmless(axes[unit].title)},
            "domain": [start, min(1.0, start + wide)],
            "automargin": True,
        }
    return drawn(traces, heading, **layout)


def _trace(series: Series, axis: Axis, panel: int, mode: str) -> Any:
    shown = [place for place, value in enumerate(series.values) if value is not None]
    values = [value for value in series.values if value is not None]
    marker: dict[str, object] = {"line": {"width": 1, "color": EDGE}}
    marker["color"] = series.colour or PAPER
    return plotly().Bar(
        orientation="h",
        name=harmless(series.name, LABEL),
        y=shown,
        x=[axis.place(value) for value in values],
        text=[escaped(series.texts[place]) for place in shown],
        textposition="auto",
        textangle=0,
        constraintext="none",
        hovertext=[hover(series.hovers[place]) for place in shown],
        hoverinfo="text",
        marker=marker,
        cliponaxis=False,
        xaxis=f"x{panel + 1 if panel else ''}",
        yaxis="y",
    )

"""Lines and points over a size, on logarithmic axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from .axis import Axis
from .figure import LABEL, Figure, Heading, drawn, harmless, hover, plotly

_TICKS = 12
"""With more sizes than this, plotly chooses the ticks."""


Style = Literal["line", "dashed", "marks", "crosses"]


class Line(NamedTuple):
    """Values by size. ``marks`` are points that are not joined."""

    name: str
    points: Sequence[tuple[int, int]]
    hovers: Sequence[Sequence[str]]
    style: Style
    colour: str
    in_legend: bool = True
    """Lines of one name are shown and hidden together."""


def lines(found: Sequence[Line], unit: str, sizes: Sequence[int], heading: Heading) -> Figure:
    """Lines over n. Both axes are logarithmic, unless no value is above zero."""
    values = [value for line in found for _, value in line.points]
    axis, scale = Axis(unit, values), "log" if any(value > 0 for value in values) else "linear"
    across: dict[str, Any] = {"title": {"text": "size n"}, "type": "log"}
    if len(sizes) <= _TICKS:
        across |= {"tickmode": "array", "tickvals": list(sizes), "ticktext": [*map(str, sizes)]}
    return drawn(
        [_trace(each, axis, scale) for each in found],
        heading,
        xaxis=across,
        yaxis={"title": {"text": harmless(axis.title)}, "type": scale, "exponentformat": "e"},
        height=520,
        margin={"t": 70, "l": 20, "r": 20, "b": 50},
    )


def _trace(line: Line, axis: Axis, scale: str) -> Any:
    shown = [place for place, (_, value) in enumerate(line.points) if value or scale == "linear"]
    joined = line.style in ("line", "dashed")
    look: dict[str, Any] = {"color": line.colour}
    marker = {**look, "size": 9, "symbol": "x" if line.style == "crosses" else "circle"}
    dash = {**look, "dash": "dot", "width": 2}
    if line.style == "line":
        dash |= {"dash": "solid", "width": 4}
    return plotly().Scatter(
        name=harmless(line.name, 2 * LABEL),
        mode="lines" if joined else "markers",
        x=[line.points[place][0] for place in shown],
        y=[axis.place(line.points[place][1]) for place in shown],
        hovertext=[hover(line.hovers[place]) for place in shown],
        hoverinfo="text",
        legendgroup=harmless(line.name),
        showlegend=line.in_legend,
        **({"line": dash} if joined else {"marker": marker}),
    )

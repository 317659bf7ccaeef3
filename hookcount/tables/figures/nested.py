"""Cells within cells: an icicle, or a treemap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from ..cutting import all_apart
from .figure import EDGE, INK, LABEL, PAPER, Figure, Heading, drawn, escaped, hover, plotly

Nesting = Literal["icicle", "treemap"]
_EXACT = 53
"""A browser keeps so many bits of a number."""
_IN_A_LINE = 5
_SMALLEST = 9
"""A text that does not fit in this size is not shown."""
_LEVELS, _LEVEL = 10, 36
"""With more levels than these, each level has so many pixels."""


class Cell(NamedTuple):
    """A cell. It lies in the cell at the place ``parent``, which comes before it."""

    label: str
    """A clean text."""
    value: int
    parent: int | None
    text: str
    hover: Sequence[str]
    colour: str


def nested(
    kind: Nesting, cells: Sequence[Cell], heading: Heading, key: Sequence[tuple[str, str]] = ()
) -> Figure:
    """Cells as large as their values. ``key``: what the colours mean, as pairs of both.
    A fill without a colour of its own is white.

    plotly draws nothing if the cells in a cell are more than that cell. So large values lose their
    last bits alike, and a sum of cells stays at most that of the cell around them.
    """
    lost = max(0, max(cell.value for cell in cells).bit_length() - _EXACT)
    labels = all_apart([cell.label for cell in cells], LABEL)
    made = {
        "ids": [str(place) for place, _ in enumerate(cells)],
        "labels": [escaped(each) for each in labels],
        "parents": ["" if cell.parent is None else str(cell.parent) for cell in cells],
        "values": [cell.value >> lost for cell in cells],
        "text": [escaped(cell.text) for cell in cells],
        "hovertext": [hover(cell.hover) for cell in cells],
        "branchvalues": "total",
        "textinfo": "label+text",
        "hoverinfo": "text",
        "marker": {
            "colors": [cell.colour or PAPER for cell in cells],
            "line": {"width": 1, "color": EDGE},
        },
        "textfont": {"color": INK},
        "root": {"color": "rgba(0,0,0,0)"},
    }
    if kind == "icicle":
        made |= {"sort": False, "leaf": {"opacity": 1}, "tiling": {"orientation": "v"}}
        trace = plotly().Icicle(**made)
    else:
        trace = plotly().Treemap(**made, tiling={"pad": 2})
    rows = -(-len(key) // _IN_A_LINE)
    layout: dict[str, object] = {
        "margin": {"t": 70, "l": 12, "r": 12, "b": 16 + 20 * rows},
        "uniformtext": {"minsize": _SMALLEST, "mode": "hide"},
        "annotations": [_key(key)] if key else [],
    }
    if (levels := _levels(cells)) > _LEVELS and kind == "icicle":
        layout["height"] = 100 + _LEVEL * levels
    return drawn([trace], heading, **layout)


def _levels(cells: Sequence[Cell]) -> int:
    """How many cells lie in each other at most."""
    found: list[int] = []
    for cell in cells:
        found.append(1 if cell.parent is None else 1 + found[cell.parent])
    return max(found)


def _key(key: Sequence[tuple[str, str]]) -> dict[str, object]:
    """What the colours mean, as a text below the cells."""
    texts = [
        f"<span style='color:{colour or EDGE}'>{'■' if colour else '□'}</span>&nbsp;"
        + escaped(name).replace(" ", "&nbsp;")
        for name, colour in key
    ]
    lines = [
        "&nbsp;&nbsp; ".join(texts[start : start + _IN_A_LINE])
        for start in range(0, len(texts), _IN_A_LINE)
    ]
    return {
        "text": "<br>".join(lines),
        "showarrow": False,
        "align": "left",
        "xref": "paper",
        "x": 0,
        "xanchor": "left",
        "yref": "paper",
        "y": 0,
        "yanchor": "top",
        "yshift": -4,
    }

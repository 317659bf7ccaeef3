"""What all figures have: plotly, harmless texts, a title, and a look for light and dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from ...core.errors import needed
from ...core.names import clean, shortened

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as _Figure

Figure: TypeAlias = "_Figure"
"""A figure of plotly."""

PAPER, INK, EDGE = "#ffffff", "#1a1f24", "#7d8590"
"""The colours of a text on a fill, and of the line around a fill. They suit each template."""
PALETTE = (
    *("#2f7fd0", "#d9731a", "#2f9e5a", "#a562c9", "#cf4b4b"),
    *("#8a8f1e", "#1f9e9e", "#c45a94", "#7d8590"),
)
"""Colours of lines and bars that have no colour of their own."""
LABEL = 36
"""Characters of a label."""
_LONG = 120


class Heading:
    """The title of a figure, and facts in small letters below it."""

    def __init__(self, title: str, facts: Iterable[str] = ()) -> None:
        below = " · ".join([harmless(each) for each in facts if each])
        small = f"<br><span style='font-size:12px'>{below}</span>" if below else ""
        self.text = f"{harmless(title)}{small}"


def plotly() -> Any:
    """The module with the figures and traces of plotly.

    Raises ``MissingPackageError`` if plotly is not installed.
    """
    return needed("plotly.graph_objects", "plot", "to draw a figure")


def harmless(text: str, width: int = _LONG) -> str:
    """A plain text for plotly, which reads markup, entities and formulas in a text.

    A long one is cut in the middle.

    >>> harmless("<b>a</b> & $x$")
    '&lt;b&gt;a&lt;/b&gt; &amp; &#36;x&#36;'
    """
    return escaped(shortened(clean(text), width))


def escaped(text: str) -> str:
    """A clean text in which plotly finds no markup."""
    return text.translate(_ESCAPED)


def hover(lines: Sequence[str]) -> str:
    """Lines of plain text as the text of a pointer. The first one is bold."""
    first, *others = [harmless(each) for each in lines if each]
    return "<br>".join([f"<b>{first}</b>", *others])


def drawn(traces: Sequence[Any], heading: Heading, **layout: Any) -> Figure:
    """A figure of plotly."""
    title = {"text": heading.text, "x": 0, "xanchor": "left", "y": 1, "yanchor": "top"}
    title |= {"pad": {"t": 14, "l": 16}}
    pointer = {"bgcolor": PAPER, "bordercolor": EDGE, "font": {"color": INK}, "align": "left"}
    whole = {"title": title, "hoverlabel": pointer, "margin": {"t": 70, "l": 20, "r": 20, "b": 40}}
    return plotly().Figure(data=list(traces), layout={**whole, **layout})


_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;"})

"""``growth``: by how much modules grew between two counts, as a figure of plotly."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.errors import InputError, error_text
from ..core.names import clean
from ..core.units import si
from ..tables.figures.bars import Series, bars
from ..tables.figures.figure import Figure, Heading

BARS = 30
"""At most so many bars, and one for all others."""
_MORE, _LESS = "#f6c48a", "#9ecbf5"

Grown = tuple[str, str, str, int]
"""Path, type and kind of change of a module, and by how much its own figure grew."""


def growth(rows: Sequence[Grown], name: str, unit: str, before: int, now: int) -> Figure:
    """A bar for each module, the largest growth or decline first. They sum to the total's growth.

    Raises ``InputError`` if there are none.
    """
    if not rows:
        what = f"no module has more or fewer {unit} than before"
        raise InputError(error_text("plot()", what, "give another figure=, such as 'params'"))
    found = sorted(rows, key=lambda row: -abs(row[-1]))
    if len(found) > BARS + 1:
        rest = found[BARS:]
        label = f"({len(rest):,} others)"
        found = [*found[:BARS], (label, "", "", sum([each[-1] for each in rest]))]
    texts = [f"{value:+,}" for *_, value in found]
    series = [
        Series(
            name=said,
            unit=f"growth of {unit}",
            values=[value if (value > 0) == more else None for *_, value in found],
            texts=[si(value) if value < 0 else f"+{si(value)}" for *_, value in found],
            hovers=[
                (path or "(model)", kind, change, f"{text} {unit}")
                for (path, kind, change, _), text in zip(found, texts, strict=True)
            ],
            colour=colour,
        )
        for said, more, colour in (("more", True, _MORE), ("less", False, _LESS))
        if any((value > 0) == more for *_, value in found)
    ]
    share = f" ({100 * (now - before) / before:+.1f}%)" if before else ""
    facts = [f"{si(before)} before, {si(now)} now: {now - before:+,} {unit}{share}"]
    labels = [clean(path) or "(model)" for path, *_ in found]
    return bars(labels, series, Heading(f"{name}: growth of {unit}", facts), mode="overlay")

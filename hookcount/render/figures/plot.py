"""``plot``: a count as a figure of plotly."""

from __future__ import annotations

from typing import Literal, get_args

from ...analysis.folding.fold import folded, unfolded
from ...core.errors import InputError, error_text, near
from ...core.integers import as_int
from ...pricing.priced import Priced
from ...tables.figures.figure import Figure
from .by_role import by_role
from .counted import FIGURES, Counted, counted
from .nesting import nesting
from .ranked import ranked

Kind = Literal["icicle", "treemap", "bars", "roles"]
KINDS: tuple[Kind, ...] = get_args(Kind)


def plot(
    priced: Priced,
    kind: Kind = "icicle",
    figure: str | None = None,
    depth: int | None = None,
    *,
    fold: bool = True,
    title: str = "",
) -> Figure:
    """A figure of plotly, as ``Report.plot`` says."""
    if kind not in KINDS:
        use = ", ".join(near(str(kind), KINDS) or KINDS)
        what = "there is no such kind"
        raise InputError(error_text(f"plot(kind={kind!r})", what, f"use one of {use}"))
    depth = as_int(depth)
    if depth is not None and (type(depth) is not int or depth < 0):
        what = "this is no number of levels"
        raise InputError(error_text(f"plot(depth={depth!r})", what, "give an int, such as 2"))
    chosen = counted(priced, figure)
    _check_that_there_is_some(priced, chosen)
    if kind == "roles":
        return by_role(priced, chosen, title)
    root = folded(priced.tree) if fold else unfolded(priced.tree)
    if kind == "bars":
        return ranked(priced, chosen, root, depth, title)
    return nesting(kind, priced, chosen, root, depth, title)


def _check_that_there_is_some(priced: Priced, figure: Counted) -> None:
    """Raise ``InputError`` if the whole model has nothing to draw."""
    if figure.whole(priced) > 0:
        return
    others = [each for each in FIGURES if counted(priced, each).whole(priced) > 0]
    use = " or ".join([f"figure={each!r}" for each in others])
    fix = f"give {use}" if use else "count a model that does some work"
    raise InputError(error_text("plot()", f"the model has no {figure.unit}", fix))

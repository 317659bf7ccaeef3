"""The work of a model by role, as bars."""

from __future__ import annotations

from ...analysis.roles.roles import ROLES
from ...analysis.roles.rules import split
from ...core.units import percent, si
from ...pricing.priced import Priced
from ...tables.figures.bars import Series, bars
from ...tables.figures.figure import Figure
from ..page.colours import ROLE_FILLS
from .counted import Counted
from .words import heading


def by_role(priced: Priced, figure: Counted, title: str) -> Figure:
    """A bar for each role that has some of the figure. They sum to the total.

    Raises ``InputError`` if the report holds no calls.
    """
    found, of = split(priced), figure.of
    values = {
        role: found.params.get(role, 0) if of is None else of(found.ops(role)) for role in ROLES
    }
    some = {role: value for role, value in values.items() if value > 0}
    whole = sum(some.values())
    paths = {role: {share.path for share in found.shares if share.role == role} for role in some}
    series = [
        Series(
            name=role,
            unit=figure.unit,
            values=[value if each == role else None for each in some],
            texts=[f"{si(each)} · {percent(each, whole)}" for each in some.values()],
            hovers=[
                (
                    each,
                    f"{size:,} {figure.unit}",
                    f"{percent(size, whole)} of all {figure.unit}",
                    f"in {len(paths[each]):,} module{'s' * (len(paths[each]) != 1)}",
                )
                for each, size in some.items()
            ],
            colour=ROLE_FILLS[role][0],
        )
        for role, value in some.items()
    ]
    top = heading(priced, figure, whole, title)
    return bars(list(some), series, top, mode="overlay", legend=False)

"""``Counted``: the figure of modules that is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...analysis.folding.row import Row
from ...core.errors import InputError, error_text, near
from ...core.ops import Ops, flops
from ...pricing.priced import Priced

FIGURES = ("macs", "flops", "params", "figure")


@dataclass(frozen=True)
class Counted:
    """MACs, FLOPs, the figure of the convention, or parameters."""

    name: str
    """Of ``FIGURES``."""
    unit: str
    of: Callable[[Ops], int] | None
    """From work to the figure. None for parameters, which are no work."""

    def whole(self, priced: Priced) -> int:
        """What the model has."""
        return priced.params if self.of is None else self.of(priced.total)

    def own(self, row: Row) -> int:
        """What all modules of a row have, and no row beneath."""
        return max(0, row.own_params if self.of is None else self.of(row.own))

    def of_each(self, row: Row) -> list[int]:
        """What each module of a row has, with the modules beneath."""
        if self.of is not None:
            return [self.of(each) for each in row.works()]
        if row.kind == "itself":
            return [node.own_params for node in row.nodes]
        return row.params()


def counted(priced: Priced, name: str | None) -> Counted:
    """The figure called ``name``; if None, the one that a tree gives shares of.

    Raises ``InputError`` for an unknown name.
    """
    convention = priced.convention
    chosen = name or ("macs" if convention.name == "default" else "figure")
    if chosen not in FIGURES:
        use = ", ".join(near(str(chosen), FIGURES) or FIGURES)
        what = f"there is no figure {chosen!r}"
        raise InputError(error_text("plot(figure=...)", what, f"use one of {use}"))
    if chosen == "macs":
        return Counted(chosen, "MACs", lambda ops: ops.macs)
    if chosen == "flops":
        return Counted(chosen, "FLOPs", flops)
    if chosen == "params":
        return Counted(chosen, "parameters", None)
    unit = convention.unit if convention.name == "default" else f"{convention.name} {priced.unit}"
    return Counted(chosen, unit, convention.figure)

"""``Work``: the MACs of a step as rules of thumb see them: each forward product, times three."""

from __future__ import annotations

from ...core.trace import OUTSIDE
from ...pricing.price import BACKWARD, Phases
from ..roles.paths import upwards
from ..roles.roles import OTHER, PRODUCTS
from ..roles.rules import split
from .held import OUTSIDE_MODULES, Parameters
from .ran import Ran

Macs = dict[str, int]


class Work:
    """The MACs of a step.

    ``forward``: by part. ``backward``: by path and part, MACs of the forward and of the backward
    pass. Other phases are sums.
    """

    def __init__(self, ran: Ran, parameters: Parameters) -> None:
        self._ran = ran
        self._part_at = parameters.part_at
        self.forward: Macs = {}
        self.backward: dict[tuple[str, str], tuple[int, int]] = {}
        self._products = {
            piece.at for piece, role in ran.work if role == PRODUCTS and piece.ops.macs
        }
        for piece, role in ran.work:
            if macs := piece.ops.macs:
                part = PRODUCTS if role == PRODUCTS else self._part_at[piece.at]
                self.forward[part] = self.forward.get(part, 0) + macs
                self._add(piece.at, part, macs, 0)
        for share in split(ran.priced.within(BACKWARD)).shares:
            if share.ops.macs:
                path = f"{ran.part}.{share.path}".strip(".")
                self._add(*self._owner(path, share.role), 0, share.ops.macs)

    def of(self, phases: Phases) -> int:
        """The MACs of some phases."""
        return self._ran.priced.within(phases).macs

    def _add(self, path: str, part: str, forward: int, backward: int) -> None:
        before = self.backward.get((path, part), (0, 0))
        self.backward[path, part] = before[0] + forward, before[1] + backward

    def _owner(self, path: str, role: str) -> tuple[str, str]:
        """The path and the part of a backward product: those of its forward."""
        if path == OUTSIDE:
            return OUTSIDE, OUTSIDE_MODULES
        for each in upwards(path):
            weighs, attends = each in self._part_at, each in self._products
            if attends and (not weighs or role == PRODUCTS):
                return each, PRODUCTS
            if weighs:
                return each, self._part_at[each]
        return path, OTHER

"""``Work``: the MACs of a step as rules of thumb see them: each forward product, times three."""

from __future__ import annotations

from ...core.trace import OUTSIDE, Phase
from ...pricing.price import Charge
from ..roles.operands import factors, op_name
from ..roles.paths import upwards, within
from ..roles.roles import OTHER, PRODUCTS
from .held import OUTSIDE_MODULES, Parameters
from .ran import Ran

Macs = dict[str, int]
_BATCHED = ("bmm", "baddbmm")


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
        for charge in self._charges("backward", "accumulate"):
            if charge.ops and charge.ops.macs:
                self._add(*self._owner(charge), 0, charge.ops.macs)

    def of(self, *phases: Phase) -> int:
        """The MACs of some phases."""
        return sum(charge.ops.macs for charge in self._charges(*phases) if charge.ops)

    def _charges(self, *phases: Phase) -> list[Charge]:
        found = self._ran.whole.within(frozenset(phases)).charges()
        return [charge for charge in found if within(charge.path, self._ran.part)]

    def _add(self, path: str, part: str, forward: int, backward: int) -> None:
        before = self.backward.get((path, part), (0, 0))
        self.backward[path, part] = before[0] + forward, before[1] + backward

    def _owner(self, charge: Charge) -> tuple[str, str]:
        """The path and the part of a backward product: those of its forward."""
        if charge.path == OUTSIDE:
            return OUTSIDE, OUTSIDE_MODULES
        for path in upwards(charge.path):
            weighs, attends = path in self._part_at, path in self._products
            if attends and (not weighs or _is_of_attention(charge)):
                return path, PRODUCTS
            if weighs:
                return path, self._part_at[path]
        return charge.path, OTHER


def _is_of_attention(charge: Charge) -> bool:
    """Whether a backward op is that of a fused attention, or a product of several matrices.

    A batch of one matrix is a product with a weight, as ``einsum`` makes it.
    """
    if charge.call is None:
        return False
    name = op_name(charge.call)
    if name in _BATCHED:
        return factors(charge.call)[0][0] > 1
    return "attention" in name

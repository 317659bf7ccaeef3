"""``Convention``: a name and the weight of each kind of operation in ``flops``."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..ops import KINDS, Ops


@dataclass(frozen=True)
class Convention:
    """How a tally of operations becomes one figure. ``weights`` has a weight for each kind of ``Ops``."""

    name: str
    weights: dict[str, int] = field(hash=False)

    def flops(self, ops: Ops) -> int:
        """The floating-point operations in ``ops``: each kind times its weight."""
        return sum(self.weights[kind] * int(getattr(ops, kind)) for kind in KINDS)

    def __str__(self) -> str:
        terms = [kind if self.weights[kind] == 1 else f"{self.weights[kind]}*{kind}" for kind in KINDS if self.weights[kind]]
        return f"flops = {' + '.join(terms)}"

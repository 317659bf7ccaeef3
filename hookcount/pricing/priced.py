"""``Priced``: a trace under one convention. Every reader takes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ..core.ops import Ops, flops
from ..core.trace import Trace
from ..rules.convention import Convention, Unit
from ..rules.registry import Registry
from ..rules.resolver import Resolver
from .price import Charge, Prices, Record, Sums, Uncounted, charges, price
from .tree import Node, grow


@dataclass(frozen=True, eq=False)
class Priced:
    """What ran and what it costs: records, totals, the tree, what is uncounted.

    ``registry``: the formulas beneath those of the convention. ``prices``: results of formulas, shared by all conventions.
    """

    trace: Trace
    registry: Registry
    convention: Convention
    prices: Prices = field(default_factory=dict, repr=False)

    @cached_property
    def resolver(self) -> Resolver:
        """What answers for the classes and ops of the trace under the convention."""
        return self.convention.resolver(self.registry)

    @cached_property
    def sums(self) -> Sums:
        """The charges, added up. Raises ``FormulaError`` where a formula fails."""
        return price(self.trace, self.resolver, self.prices)

    def charges(self) -> Iterator[Charge]:
        """What ran forward, each piece of work once, with its price."""
        return charges(self.trace, self.resolver, self.prices)

    def under(self, convention: Convention) -> Priced:
        """The same trace under another convention."""
        return replace(self, convention=convention)

    @property
    def records(self) -> tuple[Record, ...]:
        """The cost of each target at each path. Their sum is the total."""
        return self.sums.records

    @property
    def uncounted(self) -> tuple[Uncounted, ...]:
        """What ran and nothing priced."""
        return self.sums.uncounted

    @cached_property
    def total(self) -> Ops:
        """Every operation counted, by kind."""
        return self.sums.total()

    @property
    def macs(self) -> int:
        """Multiply-accumulates of contractions."""
        return self.total.macs

    @property
    def flops(self) -> int:
        """Floating-point operations: two per MAC, one per other primitive operation."""
        return flops(self.total)

    @property
    def headline(self) -> int:
        """The one figure of the convention, in ``unit``."""
        return self.convention.figure(self.total)

    @property
    def unit(self) -> Unit:
        """The unit of ``headline``."""
        return self.convention.unit

    @cached_property
    def tree(self) -> Node:
        """The model's root, with what is beneath it."""
        return grow(self.trace, self.sums)

    @property
    def params(self) -> int:
        """Elements of all parameters, each tensor once."""
        return self.tree.params

    @property
    def param_bytes(self) -> int:
        """Bytes of all parameters as stored, each tensor once."""
        return self.tree.param_bytes

    @property
    def run(self) -> str:
        """How the model was run: ``"shapes"`` or ``"real"``."""
        return self.trace.run

    @property
    def backward_seen(self) -> bool:
        """Whether a backward pass ran too. Its work is in the trace, but in no count."""
        phases = [
            *(run.phase for run in self.trace.runs),
            *(phase for phase, _ in self.trace.outside),
        ]
        return "backward" in phases

    def __getstate__(self) -> dict[str, Any]:
        """All but what is known by the identities of this process."""
        kept = {name: value for name, value in vars(self).items() if name != "resolver"}
        return {**kept, "prices": {}}

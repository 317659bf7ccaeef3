"""``Priced``: a trace under one convention. Every reader and renderer takes a ``Priced``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from ..core.errors import FormulaError
from ..core.lazily import lazily
from ..core.ops import Ops, flops
from ..core.portable import Portable
from ..core.release import VERSIONS
from ..core.trace import Trace
from ..rules.convention import Convention, Unit
from ..rules.registry import Registry
from ..rules.resolver import Resolver
from .frozen import frozen
from .one_call import Prices
from .price import (
    BACKWARD,
    FORWARD,
    OPTIMIZER,
    RECOMPUTE,
    STEP,
    Charge,
    Phases,
    Record,
    Sums,
    Uncounted,
    charges,
    price,
)
from .step import StepTotals, StepWork, repeated_macs, with_more, work_at
from .tree import Node, grow


@dataclass(frozen=True, eq=False)
class Priced(Portable):
    """A trace and its prices under one convention: records, totals, tree, uncounted targets."""

    trace: Trace
    registry: Registry
    """The formulas below those of the convention, as they were when the trace was priced."""
    convention: Convention
    prices: Prices = field(default_factory=dict, repr=False)
    """Results of formulas. All conventions of one trace share them."""
    phases: Phases = FORWARD
    """The parts of a training step that are priced."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "registry", self.registry.as_it_is())

    @lazily
    def formulas(self) -> Registry | None:
        """The formulas of the convention, as they were when the trace was priced."""
        formulas = self.convention.formulas
        return None if formulas is None else formulas.as_it_is()

    @lazily
    def resolver(self) -> Resolver:
        """Finds the entry for a module class or an op of the trace, under the convention."""
        return self.convention.resolver(self.registry, self.formulas)

    @lazily
    def sums(self) -> Sums:
        """The charges, added up. Raises ``FormulaError`` if a formula fails."""
        return price(self.trace, self.resolver, self.prices, self.phases)

    def charges(self) -> Iterator[Charge]:
        """The work that ran in the phases, each piece once, with its price."""
        return charges(self.trace, self.resolver, self.prices, self.phases)

    def under(self, convention: Convention) -> Priced:
        """The same trace under another convention."""
        return replace(self, convention=convention)

    def within(self, phases: Phases) -> Priced:
        """Other phases of the same trace. They are kept, so that each is priced once."""
        if phases == self.phases:
            return self
        known = self._others.get(phases)
        return self._others.setdefault(phases, self._other(phases)) if known is None else known

    @lazily
    def _others(self) -> dict[Phases, Priced]:
        return {}

    def _other(self, phases: Phases) -> Priced:
        made = replace(self, phases=phases)
        vars(made).update(formulas=self.formulas, resolver=self.resolver)
        return made

    def figure_under(self, convention: Convention) -> int | FormulaError:
        """The headline under another convention, or the error of a formula that fails there."""
        try:
            return self.under(convention).headline
        except FormulaError as error:
            return error

    @property
    def records(self) -> tuple[Record, ...]:
        """The cost of each target at each path. Their sum is the total."""
        return self.sums.records

    @property
    def uncounted(self) -> tuple[Uncounted, ...]:
        """The targets that ran and that no formula prices."""
        return self.sums.uncounted

    @lazily
    def total(self) -> Ops:
        """Every operation counted, by kind."""
        return self.sums.total()

    @property
    def macs(self) -> int:
        """Multiply-accumulates of contractions (matrix products, convolutions, attention ...)."""
        return self.total.macs

    @property
    def flops(self) -> int:
        """Floating-point operations: two per MAC, one per other primitive operation."""
        return flops(self.total)

    @property
    def headline(self) -> int:
        """The convention's one figure, in ``unit``."""
        return self.convention.figure(self.total)

    @property
    def unit(self) -> Unit:
        """The unit of ``headline``."""
        return self.convention.unit

    @lazily
    def tree(self) -> Node:
        """The root of the module tree."""
        return grow(self.trace, self.sums, self.phases)

    @lazily
    def step_work(self) -> Mapping[str, StepWork]:
        """The work of each module beside the forward's, by path. Empty without a training step."""
        if not self.step_seen:
            return {}
        return work_at(*(self.within(each).tree for each in (BACKWARD, RECOMPUTE, OPTIMIZER)))

    @lazily
    def step_totals(self) -> StepTotals | None:
        """The work of the training step. None without one."""
        if not self.step_seen:
            return None
        parts = [self.within(each) for each in (FORWARD, BACKWARD, RECOMPUTE, OPTIMIZER)]
        forward, backward, recompute, optimizer = parts
        return StepTotals(
            forward.macs,
            backward.macs,
            recompute.macs,
            optimizer.flops,
            repeated_macs(backward.charges(), self.prices),
            sum([each.calls for part in parts for each in part.uncounted]),
        )

    @lazily
    def rows(self) -> Node:
        """The tree with a node for each module that has work in any phase of the run."""
        known = {node.path for node in self.tree}
        more = {path for path, work in self.step_work.items() if any(work)} - known
        return with_more(self.tree, self.within(STEP).tree, more) if more else self.tree

    @property
    def params(self) -> int:
        """The number of parameters. A shared tensor counts once."""
        return self.tree.params

    @property
    def param_bytes(self) -> int:
        """The bytes of all parameters as stored. A shared tensor counts once."""
        return self.tree.param_bytes

    @property
    def run(self) -> str:
        """How the model ran: ``"shapes"`` or ``"real"``."""
        return self.trace.run

    @property
    def step_seen(self) -> bool:
        """Whether a training step was counted."""
        return any(run.of_step for run in self.trace.runs)

    @property
    def backward_seen(self) -> bool:
        """Whether a backward pass ran too. Its ops are in the trace, but in no count."""
        phases = [
            *(run.phase for run in self.trace.runs),
            *(phase for phase, _ in self.trace.outside),
        ]
        return "backward" in phases

    @property
    def versions(self) -> dict[str, str]:
        """The versions of hookcount and torch that made the figures."""
        return dict(VERSIONS)

    @property
    def origin(self) -> str:
        """Where the figures are from, if they are not of a count in this process."""
        return ""

    def __getstate__(self) -> dict[str, Any]:
        """The state to pickle. The user's formulas are replaced by the prices that they give.

        So the figures are the same in a process that does not have these formulas.
        """
        convention = self.convention
        if self.formulas is not None:
            formulas = frozen(self.formulas, self.trace, self.prices)
            convention = replace(convention, formulas=formulas)
        return {
            "trace": self.trace,
            "registry": frozen(self.registry, self.trace, self.prices),
            "convention": convention,
            "prices": {},
            "phases": self.phases,
            "sums": self.sums,
        }

    def __copy__(self) -> Priced:
        """A copy that prices the trace anew."""
        made = replace(self, prices={})
        vars(made)["formulas"] = self.formulas
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> Priced:
        """A copy whose registry can be changed on its own. All else is frozen and is shared."""
        convention = replace(self.convention, formulas=self.formulas)
        registry, convention = deepcopy((self.registry, convention), memo)
        made = memo[id(self)] = replace(self, registry=registry, convention=convention)
        vars(made)["sums"] = self.sums
        return made

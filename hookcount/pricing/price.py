"""Pricing: from a trace and the formulas of a resolver to charges and their sums.

The claim rule is in ``charges``, and only there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ..core.ops import KINDS, Ops
from ..core.trace import OUTSIDE, Call, ModuleRun, OpRun, Phase, Trace, Unseen, Whole
from ..rules.binding import RunFormula
from ..rules.registry import FREE, OBSERVED, Entry, target_name
from ..rules.resolver import Resolver
from .one_call import Prices, price_of, signature
from .per_sample import Mean, samples
from .reasons import NO_TENSOR, SPARSE, has_no_tensor, has_sparse
from .whole import ops_seen, outside_seen, runs_unseen

By = Literal["module", "op"]
"""Whose formula pays: a module's or an op's."""
Phases = frozenset[Phase]
"""Parts of a training step that are priced together."""
FORWARD: Phases = frozenset(("forward",))
BACKWARD: Phases = frozenset(("backward", "accumulate"))
RECOMPUTE: Phases = frozenset(("recompute",))
OPTIMIZER: Phases = frozenset(("optimizer",))
STEP: Phases = FORWARD | BACKWARD | RECOMPUTE | OPTIMIZER


def called_in(phases: Phases) -> Phases:
    """The phases whose module calls are those of a table: the forward's if some have none."""
    return phases & {"forward", "recompute"} or FORWARD


class Record(NamedTuple):
    """The cost of one target at one path."""

    path: str
    target: str
    by: By
    ops: Ops
    """The cost of all calls together."""
    calls: int


class Uncounted(NamedTuple):
    """A target that ran and that no formula prices: where it ran and how often."""

    target: str
    by: By
    paths: tuple[str, ...]
    calls: int
    signature: str
    """The parameters that a formula for the target may name."""
    unseen: Unseen | None = None
    """Why the work was not seen or cannot be priced. None for a target without a formula."""


@dataclass(frozen=True)
class Sums:
    """The charges of some phases of a trace, added up."""

    records: tuple[Record, ...]
    uncounted: tuple[Uncounted, ...]
    uncounted_at: dict[str, int]
    """Uncounted calls, by path."""
    calls_at: dict[str, int]
    """Calls of modules, by path."""
    known: int
    """Calls whose price was known from an equal call before."""
    worked_out: int
    """Calls whose price a formula had to compute."""

    def total(self) -> Ops:
        """The sum of all records."""
        return Ops(*(sum([getattr(record.ops, kind) for record in self.records]) for kind in KINDS))


Known = dict[tuple[Call, str, Whole], tuple[str, Ops | None, Entry | None, Unseen | None]]
"""Of an op call that the code ran by a function: its name, price and entry, and why it has none."""


class Charge(NamedTuple):
    """One piece of work and its price: a call of a module, or equal calls of an op."""

    path: str
    target: str
    by: By
    ops: Ops | None
    """The cost of all calls together. None if no formula prices them."""
    calls: int
    entry: Entry | None
    """The entry that gives the price. None if there is no such entry."""
    call: Call | None
    line: str
    """The ``file:line`` that called an op. Empty for a module."""
    unseen: Unseen | None = None
    """Why a module's work was not seen, or why no formula can price an op."""


def charges(
    trace: Trace, resolver: Resolver, prices: Prices, phases: Phases = FORWARD
) -> Iterator[Charge]:
    """Each piece of work of some phases, once, with its price.

    The innermost executing module owns an op. If that module's formula priced the call, the op is
    already paid for. Otherwise the op's own formula pays; an op without one is free or uncounted.
    No formula of a module pays for a run that is ``by_ops``.
    ``covers="subtree"`` pays for all that runs beneath the module, ``covers="nothing"`` for no op.
    ``covers="modules"`` pays for no op either, but for the formulas of all modules beneath.
    ``FREE`` with ``covers="subtree"`` makes all that free, also in a run that is ``by_ops``.

    Prices are taken from ``prices``; new ones are added there. Raises ``FormulaError`` if a formula
    raises or does not return ``Ops``.
    """
    known: Known = {}
    covered: list[bool] = []  # by index of the run: is it covered by a formula for a whole subtree?
    silent: list[bool] = []  # by index of the run: does a formula above pay for all modules?
    mean = Mean(samples(trace) if resolver.per_sample else 1)
    lost = runs_unseen(trace, resolver)
    for index, run in enumerate(trace.runs):
        above = run.parent is not None and covered[run.parent]
        quiet = run.parent is not None and silent[run.parent]
        entry = None if above or quiet or run.call is None else resolver.module(run.call.module)
        if entry is not None and entry.price is OBSERVED:
            entry = None
        silent.append(quiet or (entry is not None and entry.covers == "modules"))
        is_free = entry is not None and entry.covers == "subtree" and entry.price is FREE
        by_ops = run.by_ops and not is_free
        covered.append(above or (entry is not None and entry.covers == "subtree" and not by_ops))
        if above or run.phase not in phases:
            continue
        if by_ops:
            yield from _of_parts(run, entry, resolver, prices, known)
            continue
        if entry is not None and run.call is not None and index not in lost:
            if isinstance(entry.price, RunFormula):
                ops: Ops | None = entry.price.of_run(run)
            else:
                ops = price_of(run.path, run.call, entry, prices)
            yield Charge(run.path, run.type, "module", mean.of(ops), 1, entry, run.call, "")
        elif run.unseen is not None and resolver.sees == "all":
            target = _class_name(run)
            yield Charge(run.path, target, "module", None, 1, None, run.call, "", run.unseen)
        paid = entry is not None and entry.covers not in ("nothing", "modules")
        for op in ops_seen(run, resolver):
            if not (paid and op.claimable):
                yield _op_charge(run.path, op, resolver, prices, known)
    for phase, op in outside_seen(trace, resolver):
        if phase in phases:
            yield _op_charge(OUTSIDE, op, resolver, prices, known)


def _of_parts(
    run: ModuleRun, entry: Entry | None, resolver: Resolver, prices: Prices, known: Known
) -> Iterator[Charge]:
    """The charges of a run that is ``by_ops``. ``entry`` is that of its module.

    Under a convention that does not see the ops, a module that it prices otherwise is uncounted.
    """
    paid = False
    for op in ops_seen(run, resolver):
        charge = _op_charge(run.path, op, resolver, prices, known)
        paid = paid or bool(charge.ops)
        yield charge
    if entry is not None and callable(entry.price) and not paid and resolver.sees != "all":
        yield Charge(run.path, _class_name(run), "module", None, 1, None, run.call, "")


def _op_charge(path: str, run: OpRun, resolver: Resolver, prices: Prices, known: Known) -> Charge:
    call, _, times, line, called, whole, _, _ = run
    found = known.get((call, called, whole))
    if found is None:
        entry, name = resolver.op(call.target, "" if whole == "call" else called, whole == "part")
        if entry is None and has_no_tensor(call):
            entry = NO_TENSOR
        ops = None if entry is None else price_of(path, call, entry, prices)
        why = SPARSE if ops is None and has_sparse(call) else None
        known[call, called, whole] = found = name, ops, entry, why
    name, ops, entry, why = found
    if ops is not None and times > 1:
        ops = ops * times
    return Charge(path, name, "op", ops, times, entry, call, line, why)


def _class_name(run: ModuleRun) -> str:
    return target_name(run.call.target) if run.call is not None else run.type


def price(trace: Trace, resolver: Resolver, prices: Prices, phases: Phases = FORWARD) -> Sums:
    """Add up the charges of a trace. Parameters and errors are those of ``charges``."""
    prices_before, lookups = len(prices), 0
    records: dict[tuple[str, str, By], tuple[Ops, int]] = {}
    uncounted: dict[tuple[str, By, Unseen | None], tuple[dict[str, int], str]] = {}
    for path, target, by, ops, calls, entry, call, _, unseen in charges(
        trace, resolver, prices, phases
    ):
        lookups += entry is not None and callable(entry.price)
        if ops is None:
            paths, _ = uncounted.setdefault((target, by, unseen), ({}, signature(call)))
            paths[path] = paths.get(path, 0) + calls
        elif ops:
            before = records.get((path, target, by))
            records[path, target, by] = (
                (ops, calls) if before is None else (before[0] + ops, before[1] + calls)
            )
    uncounted_at: dict[str, int] = {}
    for paths, _ in uncounted.values():
        for path, calls in paths.items():
            uncounted_at[path] = uncounted_at.get(path, 0) + calls
    calls_at: dict[str, int] = {}
    called = called_in(phases)
    for run in trace.runs:
        if run.phase in called and not run.of_step:
            calls_at[run.path] = calls_at.get(run.path, 0) + 1
    worked_out = len(prices) - prices_before
    return Sums(
        tuple(
            [
                Record(path, target, by, ops, calls)
                for (path, target, by), (ops, calls) in records.items()
            ]
        ),
        tuple(
            Uncounted(target, by, tuple(paths), sum(paths.values()), signature, unseen)
            for (target, by, unseen), (paths, signature) in uncounted.items()
        ),
        uncounted_at,
        calls_at,
        lookups - worked_out,
        worked_out,
    )

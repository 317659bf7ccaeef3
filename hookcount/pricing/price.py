"""Pricing: a trace, and the formulas that a resolver finds, give charges and their sums. The claim rule is here, once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from ..core.errors import FormulaError, place, tell
from ..core.ops import KINDS, NOTHING, Ops
from ..core.trace import OUTSIDE, Call, ModuleRun, OpRun, Trace, leaves
from ..rules.binding import BindingError, CallFormula
from ..rules.registry import OBSERVED, Entry, target_name
from ..rules.resolver import Resolver

By = Literal["module", "op"]


class Record(NamedTuple):
    """What one target cost at one path: ``calls`` calls of it, priced by a module's formula or by an op's."""

    path: str
    target: str
    by: By
    ops: Ops
    calls: int


class Uncounted(NamedTuple):
    """Something that ran and that nothing priced: the target, where it ran and how often."""

    target: str
    by: By
    paths: tuple[str, ...]
    calls: int
    signature: str
    """The parameters that a formula for it may name."""


@dataclass(frozen=True)
class Sums:
    """All records of a trace's forward phase, what stayed uncounted, and calls of it per path."""

    records: tuple[Record, ...]
    uncounted: tuple[Uncounted, ...]
    uncounted_at: dict[str, int]
    calls_at: dict[str, int]
    known: int
    """Calls whose price was known from an equal call before."""
    worked_out: int

    def total(self) -> Ops:
        """The sum of all records."""
        return Ops(*(sum([getattr(record.ops, kind) for record in self.records]) for kind in KINDS))


Prices = dict[tuple[int, int], tuple[Call, Entry, Ops | None]]
"""The result of an entry's formula for a call, by the identity of both."""


class Charge(NamedTuple):
    """One thing that ran forward and its price: a module's call that a formula pays, or equal calls of an op.

    ``ops``: of all its calls; None where nothing prices them. ``entry``: the entry that does. ``line``: the source line of
    an op's call.
    """

    path: str
    target: str
    by: By
    ops: Ops | None
    calls: int
    entry: Entry | None
    call: Call | None
    line: str


def charges(trace: Trace, resolver: Resolver, known: Prices) -> Iterator[Charge]:
    """What ran forward, each piece of work once.

    The innermost executing module owns an op. If that module's formula priced the call, the op is already paid for.
    Otherwise the op's own formula pays; an op without one is free or uncounted. ``covers="subtree"`` pays for all that
    runs beneath, ``covers="nothing"`` for no op at all.

    Raises ``FormulaError`` where a formula raises or returns something else than ``Ops``.
    """
    covered: list[bool] = []  # by the index of a run: beneath a formula that covers its subtree
    for run in trace.runs:
        above = run.parent is not None and covered[run.parent]
        entry = None if above or run.call is None else resolver.module(run.call.module)
        covered.append(
            above or (entry is not None and entry.covers == "subtree" and callable(entry.price))
        )
        if above or run.phase == "backward":
            continue
        asked = entry is not None and entry.price is not OBSERVED
        paid = asked and entry is not None and entry.covers != "nothing"
        if asked and entry is not None and run.call is not None:
            yield Charge(
                run.path,
                run.type,
                "module",
                _price(run.path, run.call, entry, known),
                1,
                entry,
                run.call,
                "",
            )
        elif run.invisible and resolver.sees == "all":
            yield Charge(run.path, _class_name(run), "module", None, 1, None, run.call, "")
        for op in run.ops:
            if not (paid and op.claimable):
                yield _op_charge(run.path, op, resolver, known)
    for phase, op in trace.outside:
        if phase == "forward":
            yield _op_charge(OUTSIDE, op, resolver, known)


def _op_charge(path: str, run: OpRun, resolver: Resolver, known: Prices) -> Charge:
    call, _, times, line, called = run
    entry, name = resolver.op(call.target, called)
    ops = None if entry is None else _price(path, call, entry, known)
    return Charge(
        path,
        name,
        "op",
        ops if ops is None or times == 1 else ops * times,
        times,
        entry,
        call,
        line,
    )


def _class_name(run: ModuleRun) -> str:
    return target_name(run.call.target) if run.call is not None else run.type


def _price(path: str, call: Call, entry: Entry, known: Prices) -> Ops | None:
    """A call's price, worked out once per distinct call; None if shapes do not tell it."""
    if not callable(entry.price):
        return NOTHING
    key = (id(call), id(entry))
    found = known.get(key)
    if found is None:
        found = known[key] = call, entry, _evaluate(path, call, entry)
    return found[2]


def price(trace: Trace, resolver: Resolver, known: Prices) -> Sums:
    """Add the charges up. ``known``: prices worked out before; new ones are added."""
    worked_out, asked = len(known), 0
    records: dict[tuple[str, str, By], tuple[Ops, int]] = {}
    missed: dict[tuple[str, By], tuple[dict[str, int], str]] = {}
    for path, target, by, ops, calls, entry, call, _ in charges(trace, resolver, known):
        asked += entry is not None and callable(entry.price)
        if ops is None:
            paths, _ = missed.setdefault((target, by), ({}, _signature(by, call)))
            paths[path] = paths.get(path, 0) + calls
        elif ops:
            before = records.get((path, target, by))
            records[path, target, by] = (
                (ops, calls) if before is None else (before[0] + ops, before[1] + calls)
            )
    uncounted_at: dict[str, int] = {}
    for paths, _ in missed.values():
        for path, calls in paths.items():
            uncounted_at[path] = uncounted_at.get(path, 0) + calls
    calls_at: dict[str, int] = {}
    for run in trace.runs:
        if run.phase == "forward":
            calls_at[run.path] = calls_at.get(run.path, 0) + 1
    worked_out = len(known) - worked_out
    return Sums(
        tuple(
            [
                Record(path, target, by, ops, calls)
                for (path, target, by), (ops, calls) in records.items()
            ]
        ),
        tuple(
            Uncounted(target, by, tuple(paths), sum(paths.values()), how)
            for (target, by), (paths, how) in missed.items()
        ),
        uncounted_at,
        calls_at,
        asked - worked_out,
        worked_out,
    )


def _evaluate(path: str, call: Call, entry: Entry) -> Ops | None:
    formula: Any = entry.price
    tensors = list(leaves((call.args, call.kwargs, call.out)))
    if call.module is None and any(tensor.sparse for tensor in tensors):
        return None  # a sparse operand's work depends on how many of its elements are there
    if isinstance(formula, CallFormula):
        return formula(path, call)
    try:
        args, named = entry.binder.bind(call)
    except BindingError as error:
        raise FormulaError(_complaint(path, call, entry, [], {}, str(error))) from error
    try:
        ops: object = formula(*args, **named)
    except Exception as error:
        what = f"raised {type(error).__name__}: {error}"
        raise FormulaError(_complaint(path, call, entry, args, named, what)) from error
    if not isinstance(ops, Ops):
        raise FormulaError(
            _complaint(
                path, call, entry, args, named, f"returned {ops!r}, which is no hookcount.Ops"
            )
        )
    # integer arithmetic on ids, masks and positions is no floating-point work; a contraction is counted in any dtype
    return ops if any(tensor.arithmetic for tensor in tensors) else Ops(macs=ops.macs)


def _complaint(
    path: str, call: Call, entry: Entry, args: list[object], named: dict[str, object], what: str
) -> str:
    given = [repr(arg) for arg in args if arg is not call.module]
    given += [f"{name}={value!r}" for name, value in named.items() if value is not call.module]
    return tell(
        place(
            path,
            type(call.module).__name__ if call.module is not None else target_name(call.target),
        ),
        f"the formula for {entry.target} ({entry.source}) {what}"
        + (f"; it was called with ({', '.join(given)})" if given else ""),
        "return hookcount.Ops(macs=..., ...) with exact non-negative ints, and name only parameters of "
        f"({_signature('op' if call.module is None else 'module', call)}); each tensor is its torch.Size",
    )


def _signature(by: By, call: Call | None) -> str:
    if by == "module":
        return "module, *inputs, out, **options"
    schema = getattr(None if call is None else call.target, "_schema", None)
    if schema is None:
        return "*args, out, **options"
    before: list[str] = []
    after: list[str] = []
    for argument in schema.arguments:
        if not argument.is_out:
            default = f"={argument.default_value!r}" if argument.has_default_value() else ""
            (after if argument.kwarg_only else before).append(f"{argument.name}{default}")
    return ", ".join([*before, "*", *after, "out"])

"""Pricing: a trace and a registry give records. The claim rule stands here, once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from .errors import FormulaError, place, tell
from .ops import KINDS, NOTHING, Ops
from .registry import OBSERVED, Entry, Registry, Resolver, target_name
from .sizes import leaves, sizes
from .trace import OUTSIDE, Call, ModuleRun, OpRun, Trace

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
    """The parameters that a formula for it would take."""


@dataclass(frozen=True)
class Priced:
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


Prices = dict[tuple[int, int], tuple[Call, Entry, "Ops | None"]]
"""What an entry's formula said of a call, by the identity of both."""


def price(trace: Trace, registry: Registry, known: Prices) -> Priced:
    """Price what ran forward. ``known`` are prices worked out before; new ones are added.

    The innermost executing module owns an op. If that module's formula priced the call, the op is paid for; otherwise the op's
    own formula pays; an op without one is free or uncounted. ``covers="subtree"`` pays for all that runs beneath.
    Raises ``FormulaError`` where a formula raises or returns something else than ``Ops``.
    """
    ledger = _Ledger(Resolver(registry), known)
    covered: list[bool] = []  # by the index of a run: beneath a formula that covers its subtree
    for run in trace.runs:
        above = run.parent is not None and covered[run.parent]
        entry = None if above else ledger.entry(run)
        covered.append(above or (entry is not None and entry.covers == "subtree" and callable(entry.price)))
        if run.phase == "backward":
            continue
        ledger.calls_at[run.path] = ledger.calls_at.get(run.path, 0) + 1
        if above:
            continue
        paid = entry is not None and entry.price is not OBSERVED
        if paid and entry is not None and run.call is not None:
            ledger.module(run, run.call, entry)
        elif run.invisible:
            ledger.miss(run.path, _class_name(run), "module", 1, "module, *inputs, out, **options")
        for op in run.ops:
            if not (paid and op.claimable):
                ledger.op(run.path, op)
    for phase, op in trace.outside:
        if phase == "forward":
            ledger.op(OUTSIDE, op)
    return ledger.priced()


def _class_name(run: ModuleRun) -> str:
    return target_name(run.call.target) if run.call is not None else run.type


@dataclass
class _Ledger:
    resolver: Resolver
    known: Prices
    calls_at: dict[str, int] = field(default_factory=dict)
    hits: int = 0
    misses: int = 0
    _records: dict[tuple[str, str, By], tuple[Ops, int]] = field(default_factory=dict)
    _missed: dict[tuple[str, By], tuple[dict[str, int], str]] = field(default_factory=dict)

    def entry(self, run: ModuleRun) -> Entry | None:
        return None if run.call is None else self.resolver.module(run.call.module)

    def module(self, run: ModuleRun, call: Call, entry: Entry) -> None:
        ops = self._price(run.path, call, entry)
        if ops:
            self._add(run.path, run.type, "module", ops, 1)

    def op(self, path: str, run: OpRun) -> None:
        call, _, times = run
        entry, name = self.resolver.op(call.target)
        ops = None if entry is None else self._price(path, call, entry)
        if ops is None:
            self.miss(path, name, "op", times, _signature(call.target))
        elif ops:
            self._add(path, name, "op", ops if times == 1 else ops * times, times)

    def miss(self, path: str, target: str, by: By, calls: int, signature: str) -> None:
        paths, _ = self._missed.setdefault((target, by), ({}, signature))
        paths[path] = paths.get(path, 0) + calls

    def _add(self, path: str, target: str, by: By, ops: Ops, calls: int) -> None:
        before = self._records.get((path, target, by))
        self._records[path, target, by] = (ops, calls) if before is None else (before[0] + ops, before[1] + calls)

    def _price(self, path: str, call: Call, entry: Entry) -> Ops | None:
        """A call's price, worked out once per distinct call; None if it cannot be told."""
        if not callable(entry.price):
            return NOTHING
        key = (id(call), id(entry))
        found = self.known.get(key)
        if found is None:
            self.misses += 1
            found = self.known[key] = call, entry, _evaluate(path, call, entry)
        else:
            self.hits += 1
        return found[2]

    def priced(self) -> Priced:
        records = tuple(Record(path, name, by, ops, calls) for (path, name, by), (ops, calls) in self._records.items())
        uncounted = tuple(
            Uncounted(target, by, tuple(paths), sum(paths.values()), signature)
            for (target, by), (paths, signature) in self._missed.items()
        )
        at: dict[str, int] = {}
        for paths, _ in self._missed.values():
            for path, calls in paths.items():
                at[path] = at.get(path, 0) + calls
        return Priced(records, uncounted, at, self.calls_at, self.hits, self.misses)


def _evaluate(path: str, call: Call, entry: Entry) -> Ops | None:
    formula: Any = entry.price
    tensors = list(leaves((call.args, call.kwargs, call.out)))
    if call.module is None and any(tensor.sparse for tensor in tensors):
        return None  # a sparse operand's work depends on how many of its elements are there
    module = () if call.module is None else (call.module,)
    args, kwargs, out = sizes(call.args), sizes(call.kwargs), sizes(call.out)
    try:
        ops: object = formula(*module, *args, out=out, **kwargs)
    except Exception as error:
        raise FormulaError(_complaint(path, call, entry, args, kwargs, out, f"raised {type(error).__name__}: {error}")) from error
    if not isinstance(ops, Ops):
        what = f"returned {ops!r}, which is no hookcount.Ops"
        raise FormulaError(_complaint(path, call, entry, args, kwargs, out, what))
    # integer arithmetic on ids, masks and positions is no floating-point work; a contraction is counted in any dtype
    return ops if any(tensor.arithmetic for tensor in tensors) else Ops(macs=ops.macs)


def _complaint(path: str, call: Call, entry: Entry, args: Any, kwargs: Any, out: Any, what: str) -> str:
    given = ", ".join([*(repr(arg) for arg in args), *(f"{name}={value!r}" for name, value in kwargs.items())])
    return tell(
        place(path, type(call.module).__name__ if call.module is not None else target_name(call.target)),
        f"the formula for {entry.target} ({entry.source}) {what}; it was called with ({given}, out={out!r})",
        "return hookcount.Ops(macs=..., ...) with exact non-negative ints, take the arguments of forward (each tensor as its "
        "torch.Size) and a keyword-only 'out'",
    )


def _signature(op: Any) -> str:
    schema = getattr(op, "_schema", None)
    if schema is None:
        return "*args, out, **options"
    before: list[str] = []
    after: list[str] = []
    for argument in schema.arguments:
        if not argument.is_out:
            default = f"={argument.default_value!r}" if argument.has_default_value() else ""
            (after if argument.kwarg_only else before).append(f"{argument.name}{default}")
    return ", ".join([*before, "*", *after, "out"])

"""Where fvcore's figures stand: the modules that an op of a trace counts for, and what each of them comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from ...core.trace import Trace
from ...pricing.price import Charge, Prices, charges
from ..jit.run import kind
from .handles import Handle, asked
from .ops import PASSED_OVER, RESOLVER, WHOLE, has_rule, short

Ancestors = Literal["owner", "caller"]
Figures = dict[str, Any]
Names = frozenset[str]


@dataclass(frozen=True)
class Statistics:
    """Figures by module and op, calls of ops without one by module, and the modules that ran no op; by canonical names."""

    counts: dict[str, Counter[str]]
    unsupported: dict[str, Counter[str]]
    uncalled: set[str]


@dataclass(frozen=True)
class Handles:
    """What prices an op: a handle of the user's; else, if he does not ignore it, fvcore's rule, unless these were cleared."""

    mine: Mapping[str, Handle]
    ignored: frozenset[str] = frozenset()
    cleared: bool = False

    def figures(self, charge: Charge, known: dict[int, Figures]) -> Figures | None:
        """What all calls of an op count, by name: nothing of one that is passed over, None of one that has no rule."""
        call = charge.call
        assert call is not None  # an op always has one
        name = kind(call.target)
        handle = self.mine.get(name)
        if handle is not None:
            if id(call) not in known:
                known[id(call)] = asked(handle, call, charge.path)
            return {key: figure * charge.calls for key, figure in known[id(call)].items()}
        if name in self.ignored or name in PASSED_OVER:
            return {}
        if self.cleared or not has_rule(call.target) or charge.ops is None:
            return None
        return {short(name): WHOLE.figure(charge.ops)}


def statistics(
    trace: Trace, aliases: Mapping[str, str], handles: Handles, mode: Ancestors, prices: Prices
) -> Statistics:
    """The statistics of a trace. ``aliases``: each module's name and its canonical one. ``prices``: as ``charges`` takes them.

    Raises ``FormulaError`` where a handle raises or gives what is no number.
    """
    counts: dict[str, Counter[str]] = {name: Counter() for name in aliases.values()}
    unsupported: dict[str, Counter[str]] = {name: Counter() for name in aliases.values()}
    seen: set[str] = set()
    known: dict[int, Figures] = {}
    for callers, owners, charge in _scoped(trace, aliases, prices):
        modules = callers if mode == "caller" else owners
        seen |= callers | modules
        figures = handles.figures(charge, known)
        for name in modules:
            if figures is None and charge.call is not None:
                unsupported[name][kind(charge.call.target)] += charge.calls
            elif figures:
                counts[name] += Counter(figures)
    return Statistics(counts, unsupported, set(aliases.values()) - seen)


def _scoped(
    trace: Trace, aliases: Mapping[str, str], prices: Prices
) -> Iterator[tuple[Names, Names, Charge]]:
    """Each op of the forward pass, the modules whose forward was under way, and the one that ran it with those that own it."""
    root = frozenset({""})
    callers: list[Names] = []
    for run in trace.runs:
        name = _canonical(run.path, aliases)
        callers.append((root if run.parent is None else callers[run.parent]) | {name})
        owners = frozenset(_owners(name))
        alone = replace(trace, runs=(run._replace(parent=None),), outside=())
        for charge in charges(alone, RESOLVER, prices):
            yield callers[-1], owners, charge
    for charge in charges(replace(trace, runs=()), RESOLVER, prices):
        yield root, root, charge


def _canonical(path: str, aliases: Mapping[str, str]) -> str:
    """The name of the module at ``path``; of one that is not in the model's tree, of the nearest above it that is."""
    while path not in aliases:
        path = path.rpartition(".")[0]
    return aliases[path]


def _owners(name: str) -> Iterator[str]:
    """A module's name, and those of all that it is beneath."""
    while name:
        yield name
        name = name.rpartition(".")[0]
    yield ""

"""Which modules an op of a trace counts for in fvcore, and the figures of each module."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from ...core.trace import Trace
from ...pricing.price import Charge, Prices, charges
from ..counting import run_by_itself
from ..jit.names import jit_name
from .handles import Figures, Handle, figures_from
from .ops import PASSED_OVER, RESOLVER, WHOLE, has_rule, short

Ancestors = Literal["owner", "caller"]
Names = frozenset[str]


@dataclass(frozen=True)
class Statistics:
    """The statistics of a trace, by the canonical names of the modules.

    ``counts``: the figure of each op. ``unsupported``: the number of calls of each op without a
    figure. ``uncalled``: the modules that ran no op.
    """

    counts: dict[str, Counter[str]]
    unsupported: dict[str, Counter[str]]
    uncalled: set[str]


@dataclass(frozen=True)
class Handles:
    """The settings that decide the figure of an op.

    ``mine``: the user's handles. ``ignored``: the ops that the user ignores. ``cleared``: whether
    the user took fvcore's own handles away.
    """

    mine: Mapping[str, Handle]
    ignored: frozenset[str] = frozenset()
    cleared: bool = False

    def figures(self, charge: Charge, known: dict[int, Figures]) -> Figures | None:
        """The figures of all calls of an op, by name.

        A handle of the user comes first, then fvcore's rule. Empty for an op that is ignored or
        passed over. None for an op without a rule. ``known`` keeps the figures of handles, by the
        identity of the call.
        """
        call = charge.call
        assert call is not None  # an op always has one
        name = jit_name(call.target)
        handle = self.mine.get(name)
        if handle is not None:
            if id(call) not in known:
                known[id(call)] = figures_from(handle, call, charge.path)
            return {key: figure * charge.calls for key, figure in known[id(call)].items()}
        if name in self.ignored or name in PASSED_OVER:
            return {}
        if self.cleared or not has_rule(call.target) or charge.ops is None:
            return None
        return {short(name): WHOLE.figure(charge.ops)}


def statistics(
    trace: Trace, aliases: Mapping[str, str], handles: Handles, mode: Ancestors, prices: Prices
) -> Statistics:
    """The statistics of a trace.

    ``aliases`` maps each name of a module to its canonical name. ``prices`` is as in ``charges``.

    Raises ``FormulaError`` if a handle raises, or if its figure is no number.
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
                unsupported[name][jit_name(charge.call.target)] += charge.calls
            elif figures:
                counts[name] += Counter(figures)
    return Statistics(counts, unsupported, set(aliases.values()) - seen)


def _scoped(
    trace: Trace, aliases: Mapping[str, str], prices: Prices
) -> Iterator[tuple[Names, Names, Charge]]:
    """Each op of the forward pass, with the names of its callers and of its owners.

    The callers are the modules whose forward was running. The owners are the module that ran the
    op, and the modules above it in the tree.
    """
    root = frozenset({""})
    callers: list[Names] = []
    for run in trace.runs:
        name = _canonical(run.path, aliases)
        callers.append((root if run.parent is None else callers[run.parent]) | {name})
        owners = frozenset(_owners(name))
        for charge in charges(run_by_itself(trace, run), RESOLVER, prices):
            yield callers[-1], owners, charge
    for charge in charges(replace(trace, runs=()), RESOLVER, prices):
        yield root, root, charge


def _canonical(path: str, aliases: Mapping[str, str]) -> str:
    """The canonical name of the module at ``path``, or of the nearest module above in the tree.

    A module that ran without being in the model's tree has no name of its own.
    """
    while path not in aliases:
        path = path.rpartition(".")[0]
    return aliases[path]


def _owners(name: str) -> Iterator[str]:
    """The name of a module, and the names of all modules above it."""
    while name:
        yield name
        name = name.rpartition(".")[0]
    yield ""

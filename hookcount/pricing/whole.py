"""What a convention sees that reads whole functions: ``Convention.within`` and ``.replaced``.

Both see calls of whole functions. The first does so as a jit trace, which also lacks each op that
reaches no output of the model. All other conventions see every op.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence

from ..core.trace import ModuleRun, OpRun, Phase, Trace
from ..rules.resolver import Resolver


def ops_seen(run: ModuleRun, resolver: Resolver) -> Sequence[OpRun]:
    """The ops of a run."""
    if resolver.replaced is not None:
        return list(_in_replaced((*run.ops, *run.whole), resolver.replaced))
    if resolver.within is None:
        return run.ops
    return [
        op._replace(times=op.times - op.lost) for op in (*run.ops, *run.whole) if op.times > op.lost
    ]


def outside_seen(trace: Trace, resolver: Resolver) -> Sequence[tuple[Phase, OpRun]]:
    """The ops outside every call of a module."""
    if resolver.replaced is not None:
        return [
            (phase, each)
            for phase, op in (*trace.outside, *trace.outside_whole)
            for each in _in_replaced((op,), resolver.replaced)
        ]
    if resolver.within is None:
        return trace.outside
    return [
        (phase, op._replace(times=op.times - op.lost))
        for phase, op in (*trace.outside, *trace.outside_whole)
        if op.times > op.lost
    ]


def _in_replaced(ops: Iterable[OpRun], functions: Container[str]) -> Iterator[OpRun]:
    """Each op once for each of these functions around it, as ``called`` by that."""
    for op in ops:
        if op.whole != "part":
            for name in (op.called, *op.inside):
                if name in functions:
                    yield op._replace(called=name, whole="")


def runs_unseen(trace: Trace, resolver: Resolver) -> set[int]:
    """The runs in which ops ran, themselves or beneath, but none that reaches an output."""
    if resolver.within is None:
        return set()
    reaching: set[int] = set()
    working: set[int] = set()
    for index in range(len(trace.runs) - 1, -1, -1):  # a run comes before those beneath it
        run = trace.runs[index]
        above = {index} if run.parent is None else {index, run.parent}
        if run.ops or index in working:
            working |= above
        if index in reaching or any(op.times > op.lost for op in run.ops):
            reaching |= above
    return working - reaching

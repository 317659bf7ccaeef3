"""``Timer.watch``: the seconds of all that a model does in a block."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from ..analysis.size import size_of
from ..core.errors import InputError, error_text
from ..observe.block import Block
from ..observe.clocks import clock_of, now
from ..observe.compiler import outside_of_compiler, uncompiled
from ..observe.model import checked
from ..observe.module_tree import ModuleTree, type_name
from ..observe.timing import Listener, Spent, listening
from ..report import Report
from .machine import Machine, machine_of
from .measured import per_second
from .shares import shared_out
from .timing import Timing

_COST = "The block ran once, with its modules timed. This costs about 2 us a module call."
_NOTHING = "No module of the model ran in the block."


@dataclass(frozen=True, eq=False, repr=False)
class BlockTiming(Timing):
    """How long the modules of a model ran in a block. ``run_seconds`` are its outermost calls.

    ``seconds`` is the sum of these, and the rates are those of the whole block. The quartiles of
    ``spread`` are those of the calls.
    """

    to_count: ClassVar[str] = (
        "count an equal block with Counter.watch, and give its report: watch.timing(report)"
    )
    block_seconds: float = 0.0
    """From the beginning of the block to its end, with what ran outside of the model."""

    @property
    def seconds(self) -> float:
        """The sum of all outermost calls."""
        return sum(self.run_seconds)

    @property
    def runs(self) -> int:
        """The number of outermost calls."""
        return len(self.run_seconds)

    @property
    def fps(self) -> float:
        """Outermost calls over their seconds."""
        return per_second(self.runs, self.seconds)


class TimerWatch:
    """The times of a ``watch`` block. Its ``timing()`` is there once the block has ended.

    A block that ended with an exception has a timing too.
    """

    def __init__(self, tree: ModuleTree, machine: Machine, listener: Listener) -> None:
        self._tree = tree
        self._machine = machine
        self._listener = listener
        self._began = now()
        self._seconds: float | None = None

    def end(self) -> None:
        """The block has ended."""
        self._listener.full()
        self._seconds = (now() - self._began) / 1e9

    @uncompiled
    def timing(self, report: Report | None = None) -> BlockTiming:
        """The timing of the block.

        ``report``: the count of the same work, from ``Counter.watch`` around an equal block. With
        it the rows have MACs and FLOPs. A count in the block itself would take time.

        Raises ``InputError`` before the block has ended.
        """
        if self._seconds is None:
            fix = "call timing() after the `with` block"
            raise InputError(error_text("TimerWatch.timing()", "the watch has not ended", fix))
        given: object = report
        if given is not None and not isinstance(given, Report):
            what = f"report={report!r} is no Report"
            fix = "give what Counter.watch gives: watch.report()"
            raise InputError(error_text("TimerWatch.timing()", what, fix))
        spent, facts = self._listener.spent, self._tree.facts()
        seconds = tuple(each / 1e9 for each in spent.outermost)
        places = facts if report is None else report.tree
        return BlockTiming(
            type=type_name(self._tree.model),
            run_seconds=seconds or (0.0,),
            hooked_seconds=(),
            modules=shared_out(
                sum(seconds), spent.own, [(each.path, each.type) for each in places], spent.calls
            ),
            size=size_of(facts),
            machine=self._machine,
            batch=None,
            notes=(_COST,) if seconds else (_NOTHING,),
            counted=report,
            count_failed="a timed block is not counted",
            block_seconds=self._seconds,
        )


def watching(model: nn.Module) -> Block[TimerWatch]:
    """The block of ``Timer.watch``."""
    return Block(_begin_with(model), TimerWatch.end)


def _begin_with(model: nn.Module) -> Callable[[ExitStack], TimerWatch]:
    def begin(block: ExitStack) -> TimerWatch:
        block.enter_context(outside_of_compiler())
        tree = checked(model)
        held = [*tree.parameters, *tree.buffers]
        clock = clock_of(held)
        if not clock.one_device:
            what = "the model is on several accelerators, whose times cannot be compared"
            raise InputError(error_text("Timer.watch", what, "watch the part on one of them"))
        clock.settle()
        listener = Listener(clock, Spent(tree))
        block.enter_context(listening(listener))
        return TimerWatch(tree, machine_of(tree, held), listener)

    return begin

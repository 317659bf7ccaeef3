"""``measure`` and ``Timer``: they run a model for real and take its time."""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from types import GeneratorType
from typing import cast

import torch
from torch import nn

from ..analysis.size import size_of
from ..core.errors import InputError, UncountedWarning, error_text, said
from ..counter import Counter, check_counter, warn_uncounted
from ..dataset.items import Item
from ..dataset.over import Inputs, over, shapes_of
from ..dataset.report import DataSetReport
from ..observe.autocast_seen import autocast_seen
from ..observe.clocks import Clock, clock_of
from ..observe.compiler import uncompiled
from ..observe.contained import tensors
from ..observe.distributed import pausing
from ..observe.exported import Model, program_module
from ..observe.in_turn import in_turn
from ..observe.interrupts import HeldBack
from ..observe.model import checked
from ..observe.module_tree import ModuleTree, type_name
from ..observe.observer import observers_here
from ..observe.timed_run import Run, TimedForward
from ..report import Report
from . import options
from .batch import batch_of
from .machine import machine_of
from .notes import Found, active_modes, notes, written_to
from .rounds import Rounds, rounds
from .shares import ModuleSeconds, own_medians, shared_out
from .timing import Timing
from .watch import TimerWatch, watching

Args = tuple[object, ...]
"""The positional arguments of a model's ``forward``."""
Kwargs = Mapping[str, object]
"""The keyword arguments of a model's ``forward``."""


@uncompiled
def measure(model: Model, /, *args: object, **kwargs: object) -> Timing:
    """Run ``model(*args, **kwargs)`` for real, several times, and take its time.

    ``args`` and ``kwargs`` are the arguments of ``forward``; options are those of ``Timer``. The
    model runs as it is, on its device, in the grad mode and the train or eval mode that it is in.
    Each run starts from the same state. Afterwards the model's buffers, its inputs and the random
    state are as before. Parameters are not copied: one to which the model wrote is named in a
    warning.

    Raises ``ModelError`` as ``hookcount.count`` does, and ``InputError`` for tensors on the meta
    device. Exceptions of the model are passed on, with a note that names the module path.
    """
    return Timer()._measure(model, args, kwargs)


@dataclass(frozen=True)
class Timer:
    """Takes the time of models.

    ``warmup``: at most so many forwards before the timed ones. The warm-up ends earlier once two
    medians agree.

    ``repeat``: at least so many timed forwards. ``min_seconds``: more of them follow until so much
    time has passed.

    ``modules``: also time each module. For this the model runs as often again, with a listener that
    costs about 2 us a module. The total comes from the runs without it.

    Raises ``InputError`` for an option out of range or of another type.
    """

    warmup: int = 10
    repeat: int = 10
    min_seconds: float = 1.0
    modules: bool = True

    def __post_init__(self) -> None:
        forwards = "give a number of forwards, such as 10"
        checked_options = {
            "warmup": options.whole("warmup", self.warmup, 0, forwards),
            "repeat": options.whole("repeat", self.repeat, 1, forwards),
            "min_seconds": options.duration("min_seconds", self.min_seconds),
            "modules": options.either("modules", self.modules),
        }
        for name, value in checked_options.items():
            object.__setattr__(self, name, value)

    @uncompiled
    def measure(self, model: Model, /, *args: object, **kwargs: object) -> Timing:
        """As ``hookcount.measure``, with the options of this timer."""
        return self._measure(model, args, kwargs)

    @uncompiled
    def over(
        self,
        model: Model,
        batches: Iterable[object],
        *,
        n: int | None = None,
        inputs: Inputs | None = None,
        counter: Counter | None = None,
    ) -> DataSetReport:
        """Count and time ``model`` on each item of a data set: see ``hookcount.over``.

        Each distinct input is counted once, and each item is timed. The seconds of an item are the
        median of its runs. ``counter``: by default one with ``hookcount.register``'s formulas.

        Raises as ``hookcount.over`` and ``measure`` do. A ``KeyboardInterrupt`` and an
        ``ItemError`` have the items before as ``result``.
        """
        check_counter(counter, "Timer.over(counter=...)")
        counter = counter or Counter()

        changed: dict[str, None] = {}

        def timed(index: int, args: Args, kwargs: dict[str, object], report: Report) -> Item:
            timing, written = self._timing(model, args, kwargs, report)
            changed.update(dict.fromkeys(written))
            return item_of(index, timing, report)

        called = checked(program_module(model)).model
        found = over(batches, n, inputs, called, partial(counter.reported, model), timed)
        if changed:
            warnings.warn(written_to(tuple(changed)), stacklevel=3)
        if uncounted := found.explain_uncounted():
            warnings.warn(UncountedWarning(uncounted), stacklevel=3)
        return found

    @uncompiled
    def watch(self, model: nn.Module) -> AbstractContextManager[TimerWatch]:
        """Time all that runs in a ``with`` block: several calls, ``generate()``, a training loop.

        The block runs as it is, once, and its effects on the model stay. Each module call is timed,
        and the total is that of the outermost calls. So the options of the timer have no effect.
        Work outside of every module call is in ``timing.block_seconds`` alone. Other threads are
        not timed. Raises ``ModelError`` as ``hookcount.count`` does.
        """
        return watching(model)

    def _measure(self, model: Model, args: Args, kwargs: Kwargs) -> Timing:
        timing, written = self._timing(model, args, kwargs)
        if written:
            warnings.warn(written_to(written), stacklevel=4)
        if timing.counted is not None:
            warn_uncounted(timing.counted, stacklevel=5)
        return timing

    def _timing(
        self, model: Model, args: Args, kwargs: Kwargs, report: Report | None = None
    ) -> tuple[Timing, tuple[str, ...]]:
        """A timing, and the paths of parameters that the model changed.

        ``report``: the count, if it is known.
        """
        called = cast(nn.Module, program_module(model))
        tree = checked(called)
        _refuse_generators((*args, *kwargs.values()))
        held = list(_tensors(tree, args, kwargs))
        clock, machine = clock_of(held), machine_of(tree, held)
        forward = TimedForward(called, tree, args, kwargs)
        modes = active_modes()
        with pausing(observers_here()), autocast_seen() as seen:
            done = in_turn(tree, args, kwargs, partial(self._rounds, forward, clock))
        machine = replace(machine, dtype=seen.dtype or machine.dtype)
        report, failure = (report, "") if report else _counted(called, args, kwargs)
        seconds = tuple(each / 1e9 for each in done.plain)
        written = forward.written()
        modules = _modules(done, seconds, tree, report)
        found = Found(
            done, machine, seconds, modes, written, report, failure, modules, clock.one_device
        )
        timing = Timing(
            type=type_name(tree.model),
            run_seconds=seconds,
            hooked_seconds=tuple(each.nanoseconds / 1e9 for each in done.hooked),
            modules=modules,
            size=size_of(tree.facts()),
            machine=machine,
            batch=batch_of(args, kwargs),
            notes=notes(found, called),
            counted=report,
            count_failed=failure,
        )
        tree.forget_strangers()
        return timing, tuple(written)

    def _rounds(
        self,
        forward: TimedForward,
        clock: Clock,
        tree: ModuleTree,
        args: Args,
        kwargs: Kwargs,
        signals: HeldBack,
    ) -> Rounds:
        def run(with_modules: bool) -> Run:
            return forward.run(clock, with_modules, signals)

        with_modules = self.modules and clock.one_device
        return rounds(run, self.warmup, self.repeat, self.min_seconds, with_modules)


def item_of(index: int, timing: Timing, report: Report) -> Item:
    """An item of a data set, with its seconds."""
    return Item(
        index,
        shapes_of(report),
        report,
        timing.seconds,
        timing.samples_per_second,
        {each.path: each.seconds for each in timing.modules},
    )


def _refuse_generators(given: Iterable[object]) -> None:
    for value in given:
        if isinstance(value, GeneratorType):
            what = "an argument is a generator, which the first of several runs would use up"
            raise InputError(error_text("a timed run", what, "give a list of its items"))


def _tensors(tree: ModuleTree, args: Args, kwargs: Kwargs) -> Iterator[torch.Tensor]:
    yield from (*tree.parameters, *tree.buffers, *tensors((args, kwargs)))


def _counted(model: nn.Module, args: Args, kwargs: Kwargs) -> tuple[Report | None, str]:
    """The count of a forward, or why there is none. Then the seconds stay."""
    try:
        return Counter().reported(model, args, dict(kwargs)), ""
    except Exception as error:
        return None, said(error)


def _modules(
    done: Rounds, seconds: tuple[float, ...], tree: ModuleTree, report: Report | None
) -> tuple[ModuleSeconds, ...]:
    """The seconds of each module, in the rows of the count. Empty without runs with modules."""
    own = [run.own for run in done.hooked if run.own is not None]
    if not own:
        return ()
    places = [(each.path, each.type) for each in (tree.facts() if report is None else report.tree)]
    calls = done.hooked[-1].calls
    return shared_out(statistics.median(seconds), own_medians(own), places, calls)

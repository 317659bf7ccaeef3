"""The work that a forward hands to other threads, and what was seen of it."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any, Protocol

from ..core.trace import ModuleRun, OpRun, Phase, Trace, Unseen

UNFINISHED = Unseen(
    "handed work to another thread that had not ended when the forward returned",
    "let the forward wait for that work",
)
NOT_FOLLOWED = Unseen(
    "ran work in another thread, where no op is seen",
    "run that work in the thread that counts",
)


class Listener(Protocol):
    """An observer, as this file needs it."""

    paused: int
    mode: Any
    attention: Any
    on_gpu: Any
    refuse: Any
    unseen: dict[int, Unseen]
    handed: list[Handed]

    def seen(self) -> tuple[list[ModuleRun], list[tuple[Phase, OpRun]]]:
        """The module runs of one thread, and the ops outside all modules."""

    def ran_any(self) -> bool:
        """Whether anything ran so far."""


class Handed:
    """The work of one task, which may run several times, as a pool's ``map`` does.

    ``begins``: path and phase of the module that handed it over. ``run``: the index of that
    module's call; None outside all modules.
    """

    def __init__(self, begins: tuple[str, Phase], run: int | None) -> None:
        self.begins = begins
        self.run = run
        self._observers: list[Listener] = []
        self._under_way = 0
        self._lock = threading.Lock()

    def begin(self, observer: Listener) -> None:
        """The task begins in a thread, under ``observer``."""
        with self._lock:
            self._observers.append(observer)
            self._under_way += 1

    def done(self) -> None:
        """The task has ended in a thread."""
        with self._lock:
            self._under_way -= 1

    def end(self) -> bool:
        """Observe no longer. Returns whether work that was seen has not ended."""
        with self._lock:
            for each in self._observers:
                end(each)
                each.paused += 1
            return self._under_way > 0 and any(each.ran_any() for each in self._observers)

    def observers(self) -> tuple[Listener, ...]:
        """The observers of the task, one for each time that it ran."""
        with self._lock:
            return tuple(self._observers)


def end(observer: Listener) -> None:
    """The observation has ended. Name the work that goes on."""
    observer.mode = observer.attention = observer.on_gpu = observer.refuse = None
    for each in observer.handed:
        if each.end() and each.run is not None:
            observer.unseen.setdefault(each.run, UNFINISHED)


def gathered(observer: Listener) -> tuple[list[ModuleRun], list[tuple[Phase, OpRun]]]:
    """All that an observer saw, with the work that its thread handed to others."""
    runs, outside = observer.seen()
    for handed in observer.handed:
        for each in handed.observers():
            theirs, loose = gathered(each)
            before, above = len(runs), handed.run
            runs += [
                run._replace(parent=above if run.parent is None else run.parent + before)
                for run in theirs
            ]
            if above is None:
                outside += loose
            elif loose:
                ops = (*runs[above].ops, *(op for _, op in loose))
                runs[above] = runs[above]._replace(ops=ops)
    return runs, outside


def whole_calls_apart(trace: Trace) -> Trace:
    """``trace``, in which the calls of whole functions are no longer among the ops."""
    runs = [_apart(run) if any(_is_whole(op) for op in run.ops) else run for run in trace.runs]
    return replace(
        trace,
        runs=tuple(runs),
        outside=tuple(each for each in trace.outside if not _is_whole(each[1])),
        outside_whole=tuple(each for each in trace.outside if _is_whole(each[1])),
    )


def _is_whole(op: OpRun) -> bool:
    return op.whole == "call"


def _apart(run: ModuleRun) -> ModuleRun:
    return run._replace(
        ops=tuple(op for op in run.ops if not _is_whole(op)),
        whole=tuple(op for op in run.ops if _is_whole(op)),
    )

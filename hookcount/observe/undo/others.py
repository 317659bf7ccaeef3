"""Finds out whether another thread of the process ran during a count.

A change that nobody noted is this count's own if no other thread ran. If another thread ran, the
change may be that thread's, and then it stays.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import chain
from operator import methodcaller
from threading import get_ident
from types import CodeType, FrameType
from typing import Any

from torch.autograd.graph import _engine_run_backward

Clocks = dict[int, object]
"""For each other thread, a value that changes whenever the thread runs."""

_CPU_CLOCK = getattr(time, "pthread_getcpuclockid", None)
_call = methodcaller("__call__")
_ENGINE = _engine_run_backward.__code__


def clocks() -> Clocks:
    """The clocks of all other Python threads."""
    return _positions() if _CPU_CLOCK is None else _times()


def ran(before: Clocks) -> bool:
    """Whether another thread ran, began or ended since ``before`` was taken."""
    return clocks() != before


def differentiate() -> bool:
    """Whether another thread runs a backward pass."""
    (frames,) = _in_one_step(sys._current_frames)
    del frames[get_ident()]
    return any(_is_in(frame, _ENGINE) for frame in frames.values())


def _is_in(frame: FrameType | None, code: CodeType) -> bool:
    while frame is not None and frame.f_code is not code:
        frame = frame.f_back
    return frame is not None


def _times() -> Clocks:
    """The processor time that each other thread has used."""
    assert _CPU_CLOCK is not None
    threads: list[int] = []
    found: list[int] = []
    try:
        # To ask for the clock of a thread that has ended may end the process.
        _in_one_step(
            partial(threads.extend, chain.from_iterable(map(_call, [sys._current_frames]))),
            partial(found.extend, map(_CPU_CLOCK, threads)),
        )
    except OSError:  # a thread is ending, so it ran
        return {0: object()}
    own = _CPU_CLOCK(get_ident())
    return {clock: _time(clock) for clock in found if clock != own}


def _time(clock: int) -> object:
    try:
        return time.clock_gettime_ns(clock)
    except OSError:  # the thread has ended
        return None


def _positions() -> Clocks:
    """Where each other thread is in its code, for systems without such clocks."""
    (frames,) = _in_one_step(sys._current_frames)
    del frames[get_ident()]  # this frame would hold itself, and all frames around it
    return {thread: (id(frame), frame.f_lasti) for thread, frame in frames.items()}


def _in_one_step(*functions: Callable[[], Any]) -> list[Any]:
    """The results of functions that are written in C.

    No other thread runs between them, and no garbage is collected. In Python 3.11.7
    ``sys._current_frames`` has a lock for which each beginning and ending thread waits. A finalizer
    that runs meanwhile may let such a thread wait for ever, and all others with it.
    """
    if not gc.isenabled():
        return list(map(_call, functions))
    try:
        return list(map(_call, (gc.disable, *functions, gc.enable)))[1:-1]
    except BaseException:
        gc.enable()
        raise

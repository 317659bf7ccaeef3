"""Finds out whether another thread of the process ran during a count.

A change that nobody noted is this count's own if no other thread ran. If another thread ran, the
change may be that thread's, and then it stays.
"""

from __future__ import annotations

import sys
import time
from itertools import chain
from operator import methodcaller
from threading import get_ident

Clocks = dict[int, object]
"""For each other thread, a value that changes whenever the thread runs."""

_CPU_CLOCK = getattr(time, "pthread_getcpuclockid", None)
_call = methodcaller("__call__")


def clocks() -> Clocks:
    """The clocks of all other Python threads."""
    if _CPU_CLOCK is None:  # not on macOS, not on Windows
        frames = sys._current_frames()
        del frames[get_ident()]  # this frame would hold itself, and all frames around it
        return {thread: (id(frame), frame.f_lasti) for thread, frame in frames.items()}
    try:
        # To ask for the clock of a thread that has ended may end the process. A thread can end
        # between two steps of Python code. So all are asked in one step: threads, then clocks.
        found = list(map(_CPU_CLOCK, chain.from_iterable(map(_call, [sys._current_frames]))))
    except OSError:  # a thread is ending, so it ran
        return {0: object()}
    return {clock: _time(clock) for clock in found if clock != _CPU_CLOCK(get_ident())}


def _time(clock: int) -> object:
    try:
        return time.clock_gettime_ns(clock)
    except OSError:  # the thread has ended
        return None


def ran(before: Clocks) -> bool:
    """Whether another thread ran, began or ended since ``before`` was taken."""
    return clocks() != before

"""Finds out whether another thread of the process ran during a count.

A change that nobody noted is this count's own if no other thread ran. If another thread ran, the
change may be that thread's, and then it stays.
"""

from __future__ import annotations

import _thread
import gc
import sys
import threading
import time
from operator import methodcaller
from threading import get_ident, get_native_id

Clocks = dict[int, object]
"""For each other thread, a value that changes whenever the thread runs."""

_call = methodcaller("__call__")


def clocks() -> Clocks:
    """The clocks of all other threads that Python knows."""
    return _times() if _HAS_CLOCKS else _positions()


def ran(before: Clocks) -> bool:
    """Whether another thread ran, began or ended since ``before`` was taken."""
    return clocks() != before


def _times() -> Clocks:
    """The processor time that each other thread has used.

    ``sys._current_frames`` is not asked. In Python 3.11.7 it may stop the process for good: it
    collects garbage while it has a lock that each beginning and ending thread waits for.
    """
    found: Clocks = {}
    unknown = _thread._count()
    for thread in threading.enumerate():
        unknown -= not isinstance(thread, _NOT_STARTED_HERE)
        number = thread.native_id
        if number is None:  # it is starting
            found[-id(thread)] = object()
        elif number != get_native_id():
            try:
                found[number] = time.clock_gettime_ns(_clock(number))
            except OSError:  # it has ended
                continue
    if unknown > 0:  # started without the module threading
        found[0] = object()
    return found


_NOT_STARTED_HERE = (threading._MainThread, threading._DummyThread)  # type: ignore[attr-defined]


def _clock(number: int) -> int:
    """The clock of a thread of Linux.

    The kernel refuses the number of a thread that has ended. ``pthread_getcpuclockid`` would read
    memory that may be gone.
    """
    return (~number << 3) | 6


def _has_clocks() -> bool:
    if sys.platform != "linux":
        return False
    try:
        return time.pthread_getcpuclockid(get_ident()) == _clock(get_native_id())
    except OSError:
        return False


_HAS_CLOCKS = _has_clocks()


def _positions() -> Clocks:
    """Where each other thread is in its code."""
    ask = sys._current_frames
    # without the collector, for the reason above, and in one step, so that no other thread runs
    frames = list(map(_call, (gc.disable, ask, gc.enable)))[1] if gc.isenabled() else ask()
    del frames[get_ident()]  # this frame would hold itself, and all frames around it
    return {thread: (id(frame), frame.f_lasti) for thread, frame in frames.items()}

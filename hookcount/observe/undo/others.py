"""Finds out whether another thread of the process ran during a count.

A change that nobody noted is this count's own if no other thread ran. If another thread ran, the
change may be that thread's, and then it stays.
"""

from __future__ import annotations

import sys
import time
from threading import get_ident
from types import FrameType

Clocks = dict[int, object]
"""For each other thread, a value that changes whenever the thread runs."""

_CPU_CLOCK = getattr(time, "pthread_getcpuclockid", None)


def clocks() -> Clocks:
    """The clocks of all other Python threads."""
    found: Clocks = {}
    for thread, frame in _frames().items():
        if _CPU_CLOCK is None:  # not on macOS, not on Windows
            found[thread] = (id(frame), frame.f_lasti)
            continue
        try:
            found[thread] = time.clock_gettime_ns(_CPU_CLOCK(thread))
        except OSError:  # the thread is ending
            found[thread] = None
    return found


def _frames() -> dict[int, FrameType]:
    """The innermost frame of each other thread."""
    frames = sys._current_frames()
    del frames[get_ident()]  # this frame would hold itself, and all frames around it
    return frames


def ran(before: Clocks) -> bool:
    """Whether another thread ran, began or ended since ``before`` was taken."""
    return clocks() != before

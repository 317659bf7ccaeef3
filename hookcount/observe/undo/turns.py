"""Lets counts of one model take turns.

Two threads may count the same model. Each of them would find the other's changes, and put them back
for good. So a count waits while another thread counts a model with a module in common, or with an
argument in common that a forward can change.
"""

from __future__ import annotations

import threading
import time
from threading import get_ident

PATIENCE = 60.0
"""Seconds after which a count goes on all the same. A forward may itself wait for a count in
another thread."""

_free = threading.Condition()
_busy: dict[int, list[int]] = {}
"""By the id of an object: the threads that count with it."""


def take(ids: set[int], since: float) -> bool:
    """Take the turn for objects, unless another thread has it.

    ``since`` is the time at which the wait began.
    """
    with _free:
        if _taken(ids) and time.monotonic() - since < PATIENCE:
            return False
        for each in ids:
            _busy.setdefault(each, []).append(get_ident())
        return True


def give(ids: set[int]) -> None:
    """End the turn for objects."""
    with _free:
        for each in ids:
            _busy[each].remove(get_ident())
            if not _busy[each]:
                del _busy[each]
        _free.notify_all()


def wait(ids: set[int]) -> None:
    """Wait until another thread has ended a turn for one of these objects, at most a second."""
    with _free:
        if _taken(ids):
            _free.wait(1.0)


def _taken(ids: set[int]) -> bool:
    own = get_ident()
    return any(thread != own for each in ids & _busy.keys() for thread in _busy[each])

"""Lets counts of one model take turns.

Two threads may count the same model. Each of them would find the other's changes, and put them back
for good. So a count waits while another thread counts a model with a module in common, or with an
argument in common that a forward can change. The thread that came first goes first.
"""

from __future__ import annotations

import threading
import time
from threading import get_ident

from .waits import waiting

PATIENCE = 60.0
"""Seconds after which a count goes on, though another thread still has its turn. A forward may
itself wait for a count in another thread."""

_free = threading.Condition()
_held: list[Turn] = []
_line: list[Turn] = []
"""The turns that threads wait for, the longest wait first."""


class Turn:
    """A turn of this thread for objects. ``ids`` are theirs."""

    def __init__(self, ids: set[int]) -> None:
        self.ids = ids
        self.thread = get_ident()
        self.since = time.monotonic()
        """When the wait for the turn began, and later the turn itself."""
        self.stuck = self.insists = False
        """Whether those before it seem to wait for this thread, and whether they do."""


def take(turn: Turn) -> bool:
    """Take a turn, unless other threads come before it. Then it is in line."""
    with _free:
        if _before(turn):
            if turn not in _line:
                _line.append(turn)
            return False
        if turn in _line:
            _line.remove(turn)
        turn.since = time.monotonic()
        _held.append(turn)
        return True


def end(turn: Turn) -> None:
    """End a turn, or the wait for it."""
    with _free:
        for turns in (_held, _line):
            if turn in turns:
                turns.remove(turn)
        _free.notify_all()


def wait(turn: Turn) -> None:
    """Wait until another thread has ended its turn, at most a second."""
    with _free:
        if _before(turn):
            with waiting(lambda: {each.thread for each in _before(turn)}) as for_ever:
                # one of them may be about to look again
                turn.insists, turn.stuck = for_ever and turn.stuck, for_ever
                if not turn.insists:
                    _free.wait(0.05 if for_ever else 1.0)


def _before(turn: Turn) -> list[Turn]:
    """The turns that come before one. A thread that has a turn already does not queue."""
    if turn.insists:
        return []
    before, line = _held.copy(), _line.copy()
    if all(each.thread != turn.thread for each in before):
        before += line[: line.index(turn)] if turn in line else line
    now = time.monotonic()
    return [
        each
        for each in before
        if each.thread != turn.thread
        and now - max(each.since, turn.since) < PATIENCE
        and not each.ids.isdisjoint(turn.ids)
    ]

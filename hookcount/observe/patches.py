"""Every change of hookcount's to what the whole process shares: one place, one lock, a count of users.

The first user installs a change, the last one takes it off. What is installed asks the observer of its own thread what to
do, and otherwise does what was there before. So counts in several threads do not meet each other's changes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

Undo = Callable[[], None]

_lock = threading.RLock()


@dataclass
class _Change:
    users: int
    undo: Undo


_changes: dict[Hashable, _Change] = {}


@contextmanager
def shared(key: Hashable, install: Callable[[], Undo]) -> Iterator[None]:
    """Keep a process-wide change for the block. ``install`` makes it and returns what takes it back."""
    with _lock:
        change = _changes.get(key)
        if change is None:
            change = _changes[key] = _Change(0, install())
        change.users += 1
    try:
        yield
    finally:
        with _lock:
            change.users -= 1
            if not change.users:
                del _changes[key]
                change.undo()


def patched(owner: type, name: str, make: Callable[[Any], Any]) -> AbstractContextManager[None]:
    """A block in which ``owner.name`` is ``make(what was there)``. ``owner`` itself has that attribute.

    Where somebody else has patched it meanwhile, theirs stays: it calls ours, which then does what was there before.
    """

    def install() -> Undo:
        before = vars(owner)[name]
        ours = make(before)
        setattr(owner, name, ours)

        def undo() -> None:
            if vars(owner).get(name) is ours:
                setattr(owner, name, before)

        return undo

    return shared((owner, name), install)


def in_use() -> list[Hashable]:
    """The changes that are installed now; none while nothing is counted."""
    with _lock:
        return list(_changes)

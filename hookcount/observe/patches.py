"""Every process-wide change that hookcount makes: one place, one lock, a count of users.

The first user installs a change, and the last user removes it. An installed change acts only for
the observer of its own thread. Without an observer it behaves like the original. So counts in
several threads do not affect each other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., object])
Undo = Callable[[], None]
"""Removes an installed change."""

_lock = threading.RLock()


@dataclass
class _Change:
    users: int
    undo: Undo


_changes: dict[Hashable, _Change] = {}


@contextmanager
def shared(key: Hashable, install: Callable[[], Undo]) -> Iterator[None]:
    """Keep a process-wide change for the block.

    ``install`` makes the change and returns the function that undoes it. Users with equal ``key``
    share one change.
    """
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


def patched(
    owner: type | ModuleType, name: str, make: Callable[[F], F]
) -> AbstractContextManager[None]:
    """Replace the function ``owner.name`` by ``make(original)`` for the block.

    A class may inherit the function. Then the block gives the class one of its own. Other code may
    patch the same attribute during the block. Its patch then stays after the block. It calls
    hookcount's function, which then behaves like the original.
    """
    return shared((owner, name), lambda: replaced(owner, name, make))


def replaced(owner: type | ModuleType, name: str, make: Callable[[F], F]) -> Undo:
    """Replace the function ``owner.name`` by ``make(original)``. Returns the undoing function."""
    own = vars(owner).get(name)
    before: F = getattr(owner, name) if own is None else own
    ours = make(before)
    setattr(owner, name, ours)

    def undo() -> None:
        if vars(owner).get(name) is not ours:
            return
        if own is None:
            delattr(owner, name)
        else:
            setattr(owner, name, before)

    return undo


def in_use() -> list[Hashable]:
    """The keys of the changes that are installed now. While nothing is counted there are none."""
    with _lock:
        return list(_changes)

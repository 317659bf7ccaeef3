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
from typing import Any, Generic, TypeVar

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


class _Layer(Generic[F]):
    """A replacement of a function, made of what was there: ``base``."""

    def __init__(self, make: Callable[[F], F], base: F) -> None:
        self.make = make
        self.renew(base)

    def renew(self, base: F) -> None:
        self.base = base
        self.ours = self.make(base)


class _Function:
    """A function that is replaced, and its replacements, the first one first."""

    def __init__(self, owner: type | ModuleType, name: str) -> None:
        self.owner = owner
        self.name = name
        self.layers: list[_Layer[Any]] = []
        self._inherited = name not in vars(owner)
        self._before = self.now()

    def now(self) -> Any:
        """What the owner has at present."""
        own = vars(self.owner).get(self.name)
        return getattr(self.owner, self.name) if own is None else own

    def add(self, layer: _Layer[Any]) -> None:
        self.layers.append(layer)
        setattr(self.owner, self.name, layer.ours)

    def remove(self, layer: _Layer[Any]) -> None:
        """Take a replacement out. Those above it are made again, of what is below it."""
        place = self.layers.index(layer)
        del self.layers[place]
        was, now = layer.ours, layer.base
        for above in self.layers[place:]:
            if above.base is not was:  # other code has patched in between
                return
            was = above.ours
            above.renew(now)
            now = above.ours
        if vars(self.owner).get(self.name) is not was:
            return
        if self._inherited and now is self._before:
            delattr(self.owner, self.name)
        else:
            setattr(self.owner, self.name, now)


_functions: dict[tuple[type | ModuleType, str], _Function] = {}


def replaced(owner: type | ModuleType, name: str, make: Callable[[F], F]) -> Undo:
    """Replace the function ``owner.name`` by ``make(original)``. Returns the undoing function.

    Several replacements of one function may end in any order.
    """
    with _lock:
        function = _functions.get((owner, name))
        if function is None:
            function = _functions[owner, name] = _Function(owner, name)
        layer = _Layer(make, function.now())
        function.add(layer)

    def undo() -> None:
        with _lock:
            function.remove(layer)
            if not function.layers:
                _functions.pop((owner, name), None)

    return undo


def in_use() -> list[Hashable]:
    """The keys of the changes that are installed now. While nothing is counted there are none."""
    with _lock:
        return list(_changes)

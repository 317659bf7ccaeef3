"""What a cache may hold: nothing that the program itself would let go.

``ByIdentity`` is a cache that ends with its keys. ``lasts`` says of a class or function whether an
imported module holds it anyway.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

V = TypeVar("V")

HEAP = 1 << 9
"""CPython's flag of a type that was made at run time. A type without it lives for ever."""


class ByIdentity(Generic[V]):
    """A value for each object, for as long as the object lives.

    Objects are compared by identity. So ``==`` and ``hash`` of a metaclass never run, and a read
    takes no longer than that of a dict. A value must not refer to its object. Threads may read and
    add at once.
    """

    def __init__(self, ended: Callable[[int], object] | None = None) -> None:
        """``ended`` is called with the id of each object that died."""
        self.values: dict[int, V] = {}
        """By the id of the object. For fast reads alone."""
        self._watched: dict[int, weakref.ref[object]] = {}
        self._ended = ended

    def get(self, owner: object) -> V | None:
        """The value of a living object; None if it has none."""
        return self.values.get(id(owner))

    def put(self, owner: object, value: V) -> V:
        """Give an object its value. If another thread was faster, its value is returned."""
        key, values, watched, ended = id(owner), self.values, self._watched, self._ended

        def forget(_: object) -> None:
            # this runs before the memory of the object, and with it the id, can be used again
            values.pop(key, None)
            watched.pop(key, None)
            if ended is not None:
                ended(key)

        watched.setdefault(key, weakref.ref(owner, forget))
        return values.setdefault(key, value)

    def pop(self, owner: object) -> None:
        """Forget the value of an object, if it has one."""
        self.values.pop(id(owner), None)
        self._watched.pop(id(owner), None)

    def items(self) -> Iterator[tuple[object, V]]:
        """Each living object with its value."""
        for key, reference in list(self._watched.items()):
            owner = reference()
            if owner is not None and key in self.values:
                yield owner, self.values[key]

    def __len__(self) -> int:
        return len(self.values)


def lasts(named: object) -> bool:
    """Whether a class or function is where its name says, in a module that is imported.

    A class that a function made is not. A class that a notebook has redefined is no longer.
    """
    if isinstance(named, type) and not named.__flags__ & HEAP:
        return True
    home, name = getattr(named, "__module__", None), getattr(named, "__qualname__", None)
    if not isinstance(home, str) or not isinstance(name, str):
        return False
    found: object = sys.modules.get(home)
    for part in name.split("."):
        found = getattr(found, "__dict__", {}).get(part)
    return found is named

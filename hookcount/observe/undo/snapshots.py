"""Snapshots of Python objects: what an object held when it was reached, and a way to put it back.

Items and attributes are compared by identity.
"""

from __future__ import annotations

import functools
import threading
import types
from array import array
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from operator import is_
from typing import Any, Protocol


class Kept(Protocol):
    """Something that was kept and can be put back."""

    def restore(self) -> None: ...


class Items:
    """The items of a container, in order."""

    __slots__ = ("_before", "_now")

    def __init__(self, now: Any) -> None:
        self._now = now
        self._before = items(now)

    def restore(self) -> None:
        now = items(self._now)
        if len(now) != len(self._before) or not all(map(is_, now, self._before)):
            _refill(self._now, self._before)


def items(container: Any) -> list[Any]:
    """A container's items; of a dict the keys and then the values."""
    if isinstance(container, dict):
        kind: Any = OrderedDict if isinstance(container, OrderedDict) else dict
        return [*kind.keys(container), *kind.values(container)]
    return list(_KINDS_OF_ITEMS[_base(container)].__iter__(container))


CONTAINERS = (dict, list, set, deque)
"""Built-in containers whose items can be replaced."""
_KINDS_OF_ITEMS: dict[type, Any] = {
    list: list,
    set: set,
    deque: deque,
    bytearray: bytearray,
    array: array,
}


def _base(container: object) -> type:
    return next(kind for kind in _KINDS_OF_ITEMS if isinstance(container, kind))


def _refill(container: Any, held: list[Any]) -> None:
    """Give a container these items. A subclass's own methods do not run."""
    if isinstance(container, dict):
        half = len(held) // 2
        kind: Any = OrderedDict if isinstance(container, OrderedDict) else dict
        set_items(kind, container, dict(zip(held[:half], held[half:], strict=True)))
        return
    kind = _base(container)
    if kind is list or kind is bytearray:
        kind.__setitem__(container, slice(None), held)
    elif kind is array:
        container[:] = array(container.typecode, held)
    elif kind is set:
        set.clear(container)
        set.update(container, held)
    else:
        deque.clear(container)
        deque.extend(container, held)


class Attributes:
    """The ``__dict__`` of an object."""

    __slots__ = ("_before", "_kind", "_now", "_owner")

    def __init__(self, owner: object, now: dict[str, object]) -> None:
        self._owner = owner
        self._kind = type(owner)
        self._now = now
        self._before = now.copy()

    def restore(self) -> None:
        if type(self._owner) is not self._kind:
            object.__setattr__(self._owner, "__class__", self._kind)
        if attributes(self._owner) is not self._now:
            object.__setattr__(self._owner, "__dict__", self._now)
        put_back(self._now, self._before)


def put_back(now: dict[str, Any], before: dict[str, Any]) -> None:
    """Give a dict the items of ``before``, its copy, unless it still has them in this order.

    Another thread may read the dict meanwhile. So what stays is not taken out.
    """
    if (
        len(now) != len(before)
        or not all(map(is_, now, before))
        or not all(map(is_, now.values(), before.values()))
    ):
        set_items(dict, now, before)


def set_items(kind: Any, now: dict[Any, Any], before: dict[Any, Any]) -> None:
    """Give a dict other items. ``kind`` has the methods: ``dict`` or ``OrderedDict``."""
    for key in [key for key in kind.keys(now) if key not in before]:
        kind.__delitem__(now, key)
    for key, value in before.items():
        if key not in now or kind.__getitem__(now, key) is not value:
            kind.__setitem__(now, key, value)
    if not all(map(is_, kind.keys(now), before)):
        for key, value in before.items():
            kind.__delitem__(now, key)
            kind.__setitem__(now, key, value)


class Slots:
    """The ``__slots__`` of an object. An empty slot has no value."""

    __slots__ = ("_before", "_owner")

    def __init__(self, owner: object, slots: list[Any]) -> None:
        self._owner = owner
        self._before = [(slot, *self._value(slot)) for slot in slots]

    def _value(self, slot: Any) -> tuple[object, ...]:
        try:
            return (slot.__get__(self._owner),)
        except AttributeError:
            return ()

    def values(self) -> Iterable[tuple[Any, object]]:
        """Each slot that has a value, with the value."""
        return [(slot, *value) for slot, *value in self._before if value]

    def restore(self) -> None:
        for slot, *value in self._before:
            now = self._value(slot)
            if value and not (now and now[0] is value[0]):
                slot.__set__(self._owner, value[0])
            elif now and not value:
                slot.__delete__(self._owner)


class Cell:
    """The variable of an enclosing function (``nonlocal``)."""

    __slots__ = ("_before", "_cell")

    def __init__(self, cell: types.CellType) -> None:
        self._cell = cell
        self._before = cell.cell_contents

    def restore(self) -> None:
        self._cell.cell_contents = self._before


class Values:
    """The memory of a numpy array, and its shape."""

    __slots__ = ("_array", "_copy")

    def __init__(self, held: Any) -> None:
        self._array = held
        self._copy = held.copy(order="K")

    def restore(self) -> None:
        now, before = self._array, self._copy
        writeable = now.flags.writeable
        if not writeable:
            now.flags.writeable = True
        if now.dtype != before.dtype:
            now.dtype = before.dtype
        if now.shape != before.shape:
            now.shape = before.shape
        if before.dtype.hasobject:
            changed = not all(map(is_, now.flat, before.flat))
        else:
            changed = now.tobytes() != before.tobytes()
        if changed:
            now[...] = before


class File:
    """A file in memory: its contents and its position."""

    __slots__ = ("_before", "_file", "_position")

    def __init__(self, file: Any) -> None:
        self._file = file
        self._before = file.getvalue()
        self._position = file.tell()

    def restore(self) -> None:
        if self._file.getvalue() != self._before:
            self._file.seek(0)
            self._file.truncate()
            self._file.write(self._before)
        self._file.seek(self._position)


class ClassData:
    """The data in a class. Functions and properties are code and stay out."""

    __slots__ = ("_before", "_cls")

    def __init__(self, cls: type) -> None:
        self._cls = cls
        self._before = _data(cls)

    def values(self) -> Iterable[object]:
        return self._before.values()

    def restore(self) -> None:
        now, before = _data(self._cls), self._before
        for name, value in before.items():
            if name not in now or now[name] is not value:
                type.__setattr__(self._cls, name, value)
        for name in now:
            if name not in before:
                type.__delattr__(self._cls, name)


_CODE = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MemberDescriptorType,
    types.GetSetDescriptorType,
    functools.cached_property,
    property,
    classmethod,
    staticmethod,
    type,
)


def _data(cls: type) -> dict[str, object]:
    return {
        name: value
        for name, value in vars(cls).copy().items()
        if not isinstance(value, _CODE) and not (name.startswith("__") or name == "_abc_impl")
    }


def functions(cls: type) -> Iterator[types.FunctionType]:
    """The functions of a class, its properties and static methods included."""
    for value in vars(cls).copy().values():
        held: tuple[Any, ...] = (value,)
        if isinstance(value, (staticmethod, classmethod)):
            held = (value.__func__,)
        elif isinstance(value, property):
            held = (value.fget, value.fset, value.fdel)
        elif isinstance(value, functools.cached_property):
            held = (value.func,)
        yield from (each for each in held if isinstance(each, types.FunctionType))


def attributes(value: object) -> dict[str, object] | None:
    """An object's ``__dict__``, without its own ``__getattribute__``; None if it has none."""
    own: Any = threading.local if isinstance(value, threading.local) else object
    try:
        found = own.__getattribute__(value, "__dict__")
    except Exception:
        return None
    return found if isinstance(found, dict) else None

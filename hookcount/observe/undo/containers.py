"""Handlers of containers: each keeps the items, and visits those that may change."""

from __future__ import annotations

from array import array
from collections import OrderedDict, deque
from operator import is_
from typing import Any

from .objects import MOST, PLAIN, Objects
from .snapshots import Items, Values, items


def of_dict(objects: Objects, value: dict[Any, Any]) -> object:
    if len(value) <= MOST:
        objects.kept.append(Items(value))
        objects.dictionary(value)
    if type(value) not in (dict, OrderedDict):
        objects.object(value)
    return value


def of_list(objects: Objects, value: Any) -> object:
    """A list or deque."""
    if len(value) <= MOST:
        objects.kept.append(Items(value))
        if not PLAIN.issuperset(map(type, value)):
            for index, item in enumerate(items(value)):
                given = objects.reach(item)
                if given is not item:
                    value[index] = given
    if type(value) not in (list, deque):
        objects.object(value)
    return value


def of_set(objects: Objects, value: Any) -> object:
    """A set, bytearray or array, whose items are not replaced."""
    if len(value) <= MOST:
        objects.kept.append(Items(value))
        if isinstance(value, set):
            for item in list(set.__iter__(value)):
                objects.reach(item)
    if type(value) not in (set, bytearray, array):
        objects.object(value)
    return value


def of_tuple(objects: Objects, value: Any) -> object:
    if PLAIN.issuperset(map(type, value)) or len(value) > MOST:
        return value
    found = [objects.reach(item) for item in value]
    if all(map(is_, found, value)):
        return value
    return type(value)._make(found) if hasattr(value, "_make") else type(value)(found)


def of_frozenset(objects: Objects, value: frozenset[object]) -> object:
    for item in value:
        objects.reach(item)
    return value


def of_array(objects: Objects, value: Any) -> object:
    """A numpy array. One that is read-only or too large is left as it is."""
    if value.flags.writeable and value.size <= MOST * 50:
        objects.kept.append(Values(value))
        if value.dtype.hasobject:
            for item in value.flat:
                objects.reach(item.item() if hasattr(item, "dtype") else item)
        objects.attributes(value)  # of a subclass
    return value

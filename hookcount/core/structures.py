"""Structures of tensors, made again with other leaves. A structure keeps its class and attributes.

A named tuple, an output of ``transformers``, a subclass of ``dict``: code may read their items by
name. No ``__init__`` of such a class runs.
"""

from __future__ import annotations

import types
from collections import OrderedDict, UserDict, defaultdict
from collections.abc import Callable, Mapping
from typing import Any

Change = Callable[[Any], object]


def _same_key(key: object, index: int) -> object:
    return key


def changed(
    value: Any,
    change: Change,
    change_attribute: Change | None = None,
    key: Callable[[object, int], object] = _same_key,
) -> Any:
    """A structure of the same class, with ``change`` applied to each item.

    ``change_attribute``: applied to the attributes of a container, by default ``change``. ``key``:
    makes the key of a mapping from a key and its position. A mapping that is neither a ``dict``
    nor a ``UserDict`` becomes a ``dict``. For what is no structure: ``NotImplemented``.
    """
    kind = type(value)
    if kind is tuple:
        return tuple([change(item) for item in value])
    if kind is list:
        return [change(item) for item in value]
    if isinstance(value, types.SimpleNamespace):
        return types.SimpleNamespace(**{name: change(item) for name, item in vars(value).items()})
    if not isinstance(value, (tuple, list, Mapping)):
        return NotImplemented
    done: dict[int, object] = {}

    def once(item: object) -> object:
        if id(item) not in done:
            done[id(item)] = change(item)
        return done[id(item)]

    if not isinstance(value, Mapping):
        made = _sequence(kind, [once(item) for item in value])
    elif isinstance(value, UserDict) and type(vars(value).get("data")) is dict:
        made = object.__new__(kind)
        vars(made)["data"] = done[id(value.data)] = {
            key(name, index): once(item) for index, (name, item) in enumerate(value.data.items())
        }
    else:
        items = {key(name, index): once(item) for index, (name, item) in enumerate(value.items())}
        made = _mapping(kind, items)
    if type(made) is kind and kind is not dict:
        _give_attributes(made, value, done, change_attribute or change)
    return made


def _sequence(kind: Any, items: list[object]) -> Any:
    """A subclass of ``tuple`` or ``list`` with these items."""
    if issubclass(kind, list):
        made = list.__new__(kind)
        list.extend(made, items)
        return made
    if hasattr(kind, "n_sequence_fields"):  # a struct sequence, such as those of torch.return_types
        return kind(items)
    return tuple.__new__(kind, items)


def _mapping(kind: type, items: dict[Any, object]) -> dict[Any, object]:
    """A subclass of ``dict`` with these items; a plain one for any other mapping."""
    base: Any = next(
        (each for each in (OrderedDict, defaultdict, dict) if issubclass(kind, each)), None
    )
    if base is None or kind is dict:
        return items
    made: dict[Any, object] = base.__new__(kind)
    for key, item in items.items():
        base.__setitem__(made, key, item)
    return made


def _give_attributes(made: object, value: object, done: dict[int, object], change: Change) -> None:
    """The attributes of a container. One that is also an item is changed as the item."""
    try:
        there, attributes = vars(made), vars(value)
    except Exception:  # the class has no attributes, or a __dict__ of its own that raises
        return
    for name, each in attributes.items():
        if name not in there:
            there[name] = done[id(each)] if id(each) in done else change(each)

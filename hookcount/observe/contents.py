"""Reads what a forward returned: its tensors, and the objects that compute something later."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import itertools
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from gc import get_referents
from typing import Any

import torch
from torch import nn

_DEPTH = 10
_MANY = 64
"""Attributes. An object with more is not opened."""
_PLAIN = (int, float, bool, str, bytes, complex, type(None), torch.dtype, torch.device, torch.Size)
_CLOSED = (type, types.ModuleType, nn.Module, torch.ScriptObject)
_CALLS = (
    map,
    filter,
    itertools.starmap,
    itertools.accumulate,
    itertools.takewhile,
    itertools.dropwhile,
    itertools.filterfalse,
    itertools.groupby,
)
"""Iterators that call a function for each item."""
_PASSES = (
    zip,
    enumerate,
    itertools.chain,
    itertools.islice,
    itertools.cycle,
    itertools.zip_longest,
)
"""Iterators that only pass on the items of others."""
_FUTURES = (concurrent.futures.Future, asyncio.Future, torch.futures.Future)
_RUNS_ON = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)


@dataclass
class Contents:
    """The tensors of a structure, and the objects in it that compute something later."""

    tensors: list[torch.Tensor] = field(default_factory=list)
    later: list[object] = field(default_factory=list)
    containers: set[int] = field(default_factory=set)
    """The ids of the structure's containers and objects."""

    def add(self, value: Any, depth: int = _DEPTH) -> None:
        """Read ``value``, ``depth`` levels deep. Each container is read once."""
        kind = type(value)
        if issubclass(kind, torch.Tensor):
            self.tensors.append(value)
        elif issubclass(kind, _PLAIN) or not depth or id(value) in self.containers:
            return
        elif later(value):
            self.later.append(value)
        elif issubclass(kind, (tuple, list, set, frozenset)):
            self.containers.add(id(value))
            self._add_all(value, depth - 1)
            if hasattr(value, "__dict__"):
                self._add_all(vars(value).values(), depth - 1)
        elif issubclass(kind, Mapping):
            self.containers.add(id(value))
            self._add_all(value.values(), depth - 1)
            if hasattr(value, "__dict__"):
                self._add_attributes(value, depth)
        elif not issubclass(kind, _CLOSED) and not callable(value):
            self.containers.add(id(value))
            self._add_attributes(value, depth)

    def _add_all(self, values: Iterable[object], depth: int) -> None:
        for item in list(values):
            self.add(item, depth)

    def _add_attributes(self, value: object, depth: int) -> None:
        attributes = getattr(value, "__dict__", {})
        self.containers.add(id(attributes))
        if len(attributes) <= _MANY:
            self._add_all(attributes.values(), depth - 1)
        for base in type(value).__mro__:
            slots = vars(base).get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                self.add(getattr(value, name, None), depth - 1)


def later(value: object) -> str:
    """What ``value`` is, if it will still compute something. Otherwise the text is empty."""
    if isinstance(value, _RUNS_ON):
        return _running_on(value)
    if isinstance(value, _CALLS):
        return f"a {type(value).__name__} object" if _has_items(value) else ""
    if isinstance(value, _PASSES):
        return next(filter(None, map(later, _referents(value))), "")
    if isinstance(value, (types.FunctionType, types.MethodType, functools.partial)):
        return _bound(value)
    if isinstance(value, _FUTURES):
        return "" if value.done() else "a future that is not done"
    for name in ("__next__", "__anext__"):
        if isinstance(getattr(type(value), name, None), types.FunctionType):
            return f"an iterator ({type(value).__name__})"
    return ""


def _running_on(value: object) -> str:
    if isinstance(value, types.GeneratorType):
        return "a generator" if value.gi_frame is not None else ""
    if isinstance(value, types.CoroutineType):
        return "a coroutine" if value.cr_frame is not None else ""
    assert isinstance(value, types.AsyncGeneratorType)
    return "an async generator" if value.ag_frame is not None else ""


def _has_items(value: object) -> bool:
    """Whether an iterator has items left, as far as the iterators that it reads show."""
    sources = [each for each in _referents(value) if isinstance(each, Iterator)]
    for each in sources:
        if isinstance(each, _RUNS_ON):
            if not _running_on(each):
                return False
        elif isinstance(each, (*_CALLS, *_PASSES)):
            if not _has_items(each):
                return False
        elif hasattr(each, "__length_hint__") and not each.__length_hint__():
            return False
    # an iterator over a list lets go of the list at its end
    return bool(sources) or not isinstance(value, _CALLS)


def _referents(value: object) -> list[object]:
    found: list[object] = []
    for each in get_referents(value):
        if isinstance(each, type(iter(()))):  # the items that it has not given yet
            found += [item for items in get_referents(each) for item in items]
        found += each if isinstance(each, tuple) else (each,)
    return found


def _bound(value: Any) -> str:
    """What a function is that holds a tensor or a module, and so can compute with it."""
    if isinstance(value, types.MethodType):
        return "a bound method of a module" if isinstance(value.__self__, nn.Module) else ""
    if isinstance(value, functools.partial):
        held = (value.func, *value.args, *value.keywords.values())
        return "a functools.partial" if any(map(_computes, held)) else ""
    held = tuple(_cells(value)) + (value.__defaults__ or ())
    held += tuple((value.__kwdefaults__ or {}).values())
    if not any(map(_computes, held)):
        return ""
    return "a lambda" if value.__name__ == "<lambda>" else f"the function {value.__name__!r}"


def _cells(function: types.FunctionType) -> Iterator[object]:
    for cell in function.__closure__ or ():
        yield from get_referents(cell)  # an empty cell has none


def _computes(value: object) -> bool:
    return isinstance(value, (torch.Tensor, nn.Module)) or (
        isinstance(value, (types.MethodType, functools.partial)) and bool(_bound(value))
    )

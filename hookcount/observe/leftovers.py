"""Finds tensors of a shapes-only run that outlive it, and names the objects that hold them.

A meta tensor in an ``lru_cache`` makes a later forward of the model fail. The tensors are found by
weak references, so that nothing is searched if none is left.
"""

from __future__ import annotations

import gc
import sys
import threading
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import torch

from ..core.errors import LeftBehindWarning
from .unseen import Origins

_SHOWN = 5
_DEPTH = 8
"""How many containers deep a holder is searched for."""
_here = threading.local()
_LruCache = type(lru_cache(lambda: None))
_LASTING = ("the cache", "the class", "a default", "a thread", "a context")
"""How the names of holders begin that a traceback does not reach, besides globals."""
_CONTAINERS = (dict, list, tuple, set, frozenset)


@contextmanager
def leftovers_named() -> Iterator[None]:
    """At the end of the block, warn of tensors that its shapes-only runs left behind.

    The warning is at the line that called hookcount. Of nested blocks, the outermost warns.
    """
    outer: list[Origins] | None = getattr(_here, "runs", None)
    if outer is not None:
        yield
        return
    runs: list[Origins] = []
    _here.runs = runs
    failed = True
    try:
        yield
        failed = False
    finally:
        del _here.runs
        with torch._C.DisableTorchFunction():
            text = _named(runs, failed) if any(each.left(False) for each in runs) else ""
        if text:
            warnings.warn(LeftBehindWarning(text), stacklevel=_users_line())


def watch_for_leftovers(origins: Origins) -> None:
    """A shapes-only run begins in this thread."""
    runs: list[Origins] | None = getattr(_here, "runs", None)
    if runs is not None:
        runs.append(origins)


def _users_line() -> int:
    """The ``stacklevel`` of the innermost frame outside hookcount, as the caller has to give it."""
    frame: types.FrameType | None = sys._getframe(1)
    level = 1
    ours = __name__.partition(".")[0]
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name != "contextlib" and name.partition(".")[0] != ours:
            break
        level += 1
        frame = frame.f_back
    return level


def _named(runs: list[Origins], failed: bool) -> str:
    """The text of the warning. It is empty if no object holds a tensor.

    ``failed``: an exception is on its way. Its traceback holds the variables of the forward.
    """
    gc.collect()  # what only a cycle holds is garbage
    left = {id(tensor): tensor for each in runs for tensor in each.left(True)}
    if not left:
        return ""
    search = _Search(left, lasting_only=failed)
    if not search.found:
        return ""
    lines = []
    for name, held in list(search.found.items())[:_SHOWN]:
        shapes = list(dict.fromkeys(_shape(left[key]) for key in held))
        more = ", ..." if len(shapes) > _SHOWN else ""
        count = f"{len(held)} tensor{'s' * (len(held) != 1)}"
        lines.append(f"  {name} holds {count}: {', '.join(shapes[:_SHOWN])}{more}")
    if len(search.found) > _SHOWN:
        lines.append(f"  and {len(search.found) - _SHOWN} more")
    return "\n".join(
        [
            "tensors of a run on shapes are left behind. They lack the values, or the device, that "
            "later code expects.",
            *lines,
            "  To fix it: remove them before the model runs again (cache_clear() of an lru_cache), "
            "or count with Counter(run='real')",
        ]
    )


def _shape(tensor: torch.Tensor) -> str:
    shape = "x".join(map(str, tensor.shape)) or "scalar"
    return f"{shape} {str(tensor.dtype).removeprefix('torch.')} on {tensor.device.type}"


class _Search:
    """Climbs from tensors to the objects that hold them, until these have a name.

    ``found`` has the ids of the tensors by the name of what holds them. ``lasting_only``: leave out
    holders that may be variables of a function, or reached from one.
    """

    def __init__(self, left: dict[int, torch.Tensor], lasting_only: bool) -> None:
        self._lasting_only = lasting_only
        self.found: dict[str, list[int]] = {}
        self._modules: dict[int, str] = {}
        """Names of modules, by the ids of their dicts."""
        for name, module in list(sys.modules.items()):
            if isinstance(module, types.ModuleType):
                self._modules.setdefault(id(vars(module)), name)
        self._keys: dict[int, str] = {}
        """The key under which a dict holds what was found in it, by the dict's id."""
        self._held: dict[int, set[int]] = {key: {key} for key in left}
        """The ids of the tensors in an object, by its id."""
        self._climb(dict(left), left)

    def _climb(self, level: dict[int, Any], left: dict[int, torch.Tensor]) -> None:
        seen = {id(left), id(self._keys), id(self._held)}
        for _ in range(_DEPTH):
            if not level:
                return
            above: dict[int, Any] = {}
            reached: set[int] = set()
            asked = tuple(level.values())  # from Python 3.13 on, it is among the referrers
            holders = gc.get_referrers(*asked)
            seen |= {id(level), id(above), id(asked), id(holders), *level}
            for holder in holders:
                if id(holder) in seen:
                    continue
                held = [each for each in gc.get_referents(holder) if id(each) in level]
                reached.update(map(id, held))
                if isinstance(holder, types.FrameType):
                    continue
                name = self._name(holder, held)
                below = set().union(*(self._held[id(each)] for each in held))
                if name:
                    self._add(name, below)
                else:
                    above[id(holder)] = holder
                    self._held[id(holder)] = below
                del held
            for key, each in level.items():
                if key not in reached and isinstance(each, _CONTAINERS):
                    self._add(f"a {type(each).__name__} (a local variable?)", self._held[key])
            del asked, holders
            level = above

    def _add(self, name: str, held: set[int]) -> None:
        if self._lasting_only and not (" of the module `" in name or name.startswith(_LASTING)):
            return
        before = self.found.setdefault(name, [])
        before += [key for key in held if key not in before]

    def _name(self, holder: Any, held: list[Any]) -> str:
        """What ``holder`` is, for a reader. Empty for a container inside something else."""
        if isinstance(holder, dict):
            keys = [key for key, value in holder.items() if any(value is each for each in held)]
            key = str(keys[0]) if keys else "?"
            if id(holder) in self._modules:
                what = type(holder[keys[0]]).__name__ if keys else "object"
                return f"the {what} `{key}` of the module `{self._modules[id(holder)]}`"
            self._keys[id(holder)] = self._public(key, held[0])
            return ""
        if isinstance(holder, (*_CONTAINERS, types.CellType, types.MappingProxyType)):
            return ""
        if isinstance(holder, _LruCache):
            return f"the cache of the function `{_qualified(holder)}` (functools.lru_cache)"
        if isinstance(holder, types.FunctionType):
            return self._in_function(holder, held)
        if isinstance(holder, type):
            return f"the class attribute `{_qualified(holder)}.{self._key_in(held)}`"
        kind = type(holder)
        if kind.__module__ in ("_thread", "_thread._local") or kind.__name__ == "_localdummy":
            return "a thread-local variable"
        if kind.__name__ == "Context" or kind.__name__.startswith("hamt"):
            return "a context variable"
        return f"the attribute `{self._attribute(holder, held)}` of a `{kind.__name__}` object"

    def _in_function(self, function: types.FunctionType, held: list[Any]) -> str:
        name = _qualified(function)
        if any(each is function.__closure__ for each in held):
            return f"the closure of the function `{name}`"
        if any(each in (function.__defaults__, function.__kwdefaults__) for each in held):
            return f"a default argument of the function `{name}`"
        return f"the attribute `{self._key_in(held)}` of the function `{name}`"

    def _public(self, key: str, value: object) -> str:
        """``key``, or the name of the buffer or parameter in the dict that a module has there."""
        private = key in ("_buffers", "_parameters") and id(value) in self._keys
        return self._keys[id(value)] if private else key

    def _key_in(self, held: list[Any]) -> str:
        return next((self._keys[id(each)] for each in held if id(each) in self._keys), "?")

    def _attribute(self, holder: object, held: list[Any]) -> str:
        """The attribute of an object whose value, or whose ``__dict__``, is one of ``held``."""
        for name, value in list(getattr(holder, "__dict__", {}).items()):
            if any(value is each for each in held):
                return self._public(str(name), value)
        for base in type(holder).__mro__:
            slots = vars(base).get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if any(getattr(holder, name, None) is each for each in held):
                    return str(name)
        return self._key_in(held)


def _qualified(value: Any) -> str:
    return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', '?')}"

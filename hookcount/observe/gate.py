"""Keeps other threads out of a model whose parameters are on meta for a run.

A thread that calls a module of the model waits until the run has ended. So does one that reads or
moves the parameters. The run in turn waits for threads that are in the model already.
"""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import get_ident
from types import FrameType
from typing import Any, TypeVar

from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook

from ..core.errors import ModelError, error_text, module_at
from .interrupts import HeldBack
from .module_tree import ModuleTree, type_name
from .observer import observers_here
from .patches import Undo, patched, shared
from .undo import turns

T = TypeVar("T")

_METHODS = ("state_dict", "load_state_dict", "_apply", "_named_members")
"""Methods of modules that read or change the parameters of a module and of those in it."""
_CODES = {
    getattr(nn.Module, name).__code__ for name in ("_call_impl", *_METHODS) if name != _METHODS[-1]
}
"""The code that runs in a thread that is in a module. ``_named_members`` is a generator."""

_changed = threading.Condition()
_closed: dict[int, list[_Gate]] = {}
"""By the id of a module, the runs that keep it to themselves."""
_waiting: set[int] = set()
"""The threads that wait for the end of such a run."""


class _Gate:
    """A run that keeps the modules of a model to its own thread, and to those that it starts."""

    def __init__(self, tree: ModuleTree) -> None:
        self.model = tree.model
        self.ids = set(map(id, tree.modules))
        self._thread = get_ident()

    def lets_through(self) -> bool:
        """Whether this thread works for the run."""
        return get_ident() == self._thread or any(
            each.model is self.model for each in observers_here()
        )


@contextmanager
def kept_apart(tree: ModuleTree, signals: HeldBack) -> Iterator[None]:
    """Keep other threads out of a model for the block.

    Raises ``ModelError`` if another thread is in the model and does not leave it.
    """
    gate = _Gate(tree)
    with ExitStack() as undo:
        undo.enter_context(shared("gate", _install))
        for name in _METHODS:
            undo.enter_context(patched(nn.Module, name, _gated))
        undo.callback(_open, gate)
        with _changed:
            for each in gate.ids:
                _closed.setdefault(each, []).append(gate)
        _until_free(tree, gate, signals)
        yield


def _open(gate: _Gate) -> None:
    with _changed:
        for each in gate.ids:
            if gate in (gates := _closed.get(each, [])):
                gates.remove(gate)
                if not gates:
                    del _closed[each]
        _changed.notify_all()


def _until_free(tree: ModuleTree, gate: _Gate, signals: HeldBack) -> None:
    """Wait until no other thread is in the model. Signals come through meanwhile."""
    began = time.monotonic()
    while _used_elsewhere(gate):
        if time.monotonic() - began > turns.PATIENCE:
            where = module_at("", type_name(tree.model))
            what = "another thread runs the model, which a count on shapes must have for itself"
            fix = "count when that thread is done, or count a copy of the model"
            raise ModelError(error_text(where, what, fix))
        try:
            signals.holding = False
            signals.release()
            time.sleep(0.005)
        finally:
            signals.holding = True


def _used_elsewhere(gate: _Gate) -> bool:
    own = get_ident()
    return any(
        thread != own and thread not in _waiting and _depth(frame, gate.ids)
        for thread, frame in sys._current_frames().items()
    )


def _depth(frame: FrameType | None, ids: set[int]) -> int:
    """How many calls of modules with these ids a thread is in."""
    found = 0
    while frame is not None:
        if frame.f_code in _CODES and id(frame.f_locals.get("self")) in ids:
            found += 1
        frame = frame.f_back
    return found


def _wait(module: nn.Module, depth: int) -> None:
    """Wait for the run that keeps a module to itself.

    A thread that is in the model already goes on, since the run waits for it. ``depth``: how many
    calls of modules this one is itself.
    """
    gates = _closed.get(id(module))
    if not gates:
        return
    gate = gates[-1]
    if gate.lets_through() or _depth(sys._getframe(1), gate.ids) > depth:
        return
    until = time.monotonic() + turns.PATIENCE
    with _changed:
        _waiting.add(get_ident())
        try:
            # another run may begin before this thread wakes up
            while _closed.get(id(module)) and time.monotonic() < until:
                _changed.wait(1.0)
        finally:
            _waiting.discard(get_ident())


def reading(self: nn.Module, read: Callable[[], T]) -> T:
    """``read()``, which reads the parameters of a model, while no run keeps them to itself.

    The frame of this function says that its thread is in the model, as the name ``self`` does.
    """
    _wait(self, 1)
    return read()


_CODES.add(reading.__code__)


def _called(module: nn.Module, args: object) -> None:
    _wait(module, 1)


def _install() -> Undo:
    return register_module_forward_pre_hook(_called).remove


def _gated(own: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(own)
    def method(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        _wait(self, 0)
        return own(self, *args, **kwargs)

    return method

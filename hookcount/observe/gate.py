"""Keeps other threads out of a model for the run of a training step.

The run has other parameters and buffers (``swapped.py``), and puts back what its forward changes in
the modules. So a thread that calls a module of the model waits until the run has ended. So does one
that moves the model. The run in turn waits for threads that are in the model already.
"""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import get_ident
from types import CodeType, FrameType
from typing import Any, TypeVar

from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.nn.utils import stateless

from ..core.errors import ModelError, error_text, module_at
from .by_thread import Inside, threads_of
from .compiler import uncompiled
from .interrupts import HeldBack
from .module_tree import ModuleTree, type_name, unwrap, wrapped_as
from .patches import Undo, patched, shared
from .undo import turns
from .undo.waits import waiting

T = TypeVar("T")

_METHODS = ("load_state_dict", "_apply", "train")
"""Methods of modules that change a module and those in it."""
_RECURRENT = "_init_flat_weights"
_changed = threading.Condition()
_closed: dict[int, list[_Gate]] = {}
"""By the id of a module, the runs that keep it to themselves."""
_waiting: dict[int, int] = {}
"""The threads that wait for the end of such a run, each with the id of the module that it calls."""
_first: set[int] = set()
"""The waiting threads that another run has kept out. They go before the next run."""


class _Gate:
    """A run that keeps the modules of a model to its own thread, and to those that it starts."""

    def __init__(self, tree: ModuleTree) -> None:
        self.thread = get_ident()
        self.ids = set(map(id, tree.modules))
        self.lets_through = threads_of(tree)


@contextmanager
def kept_apart(tree: ModuleTree, signals: HeldBack) -> Iterator[Inside]:
    """Keep other threads out of a model for the block.

    The block gets a function that says whether the present thread works for the run. Raises
    ``ModelError`` if another thread is in the model and does not leave it.
    """
    gate = _Gate(tree)
    with ExitStack() as undo:
        undo.enter_context(shared("gate", _install))
        for name in _METHODS:
            undo.enter_context(patched(nn.Module, name, _gated))
        # to copy or pickle a recurrent module sets its list of weights anew
        undo.enter_context(patched(nn.RNNBase, _RECURRENT, _gated))
        undo.enter_context(patched(stateless, "_functional_call", _gated))
        undo.callback(_open, gate)
        _until_none(functools.partial(_close, gate), tree, signals)
        _until_none(functools.partial(_users, gate), tree, signals)
        yield gate.lets_through


def _close(gate: _Gate) -> set[int]:
    """Close the gate, unless threads come first. Returns these."""
    with _changed:
        first = {thread for thread in _first if _waiting[thread] in gate.ids}
        others = [each for key in gate.ids for each in _closed.get(key, ())]
        first |= {each.thread for each in others if not each.lets_through()}
        if not first:
            for key in gate.ids:
                _closed.setdefault(key, []).append(gate)
        return first


def _open(gate: _Gate) -> None:
    with _changed:
        for key in gate.ids:
            if gate in (gates := _closed.get(key, [])):
                gates.remove(gate)
                if not gates:
                    del _closed[key]
        _first.update(thread for thread, key in _waiting.items() if key in gate.ids)
        _changed.notify_all()


def _until_none(in_the_way: Callable[[], set[int]], tree: ModuleTree, signals: HeldBack) -> None:
    """Wait until no thread is in the way of a run. Signals come through meanwhile."""
    began = parted = time.monotonic()
    while threads := in_the_way():
        now = time.monotonic()
        with waiting(threads.copy) as for_ever:
            parted = parted if for_ever else now
            if now - began > turns.PATIENCE or now - parted > 1.0:
                where = module_at("", type_name(tree.model))
                what = "another thread runs the model, which Training must have for itself"
                fix = "count when that thread is done, or count a copy of the model"
                raise ModelError(error_text(where, what, fix))
            try:
                signals.holding = False
                signals.release()
                time.sleep(0.005)
            finally:
                signals.holding = True


def _users(gate: _Gate) -> set[int]:
    """The other threads that are in the model."""
    with _changed:
        found = set()
        for thread, frame in sys._current_frames().items():
            outside = _waiting.get(thread) in gate.ids  # but for the call that waits
            if thread != gate.thread and _depth(frame, gate.ids) > outside:
                found.add(thread)
        return found


def _depth(frame: FrameType | None, ids: set[int]) -> int:
    """How many calls of modules with these ids a thread is in."""
    found = 0
    while frame is not None:
        name = _CODES.get(frame.f_code)
        found += name is not None and id(_inner(frame.f_locals.get(name))) in ids
        frame = frame.f_back
    return found


def _inner(module: Any) -> Any:
    """The module inside a wrapper, such as a compiled one."""
    return unwrap(module) if wrapped_as(type(module)) else module


def _holders(module: nn.Module) -> set[int]:
    """The threads whose runs keep a module to themselves."""
    return {each.thread for each in tuple(_closed.get(id(module), ()))}


def _wait(module: nn.Module) -> None:
    """Wait for the run that keeps a module to itself. One call on the stack is this one.

    A thread that is in the model already goes on, since the run waits for it. So does one that the
    run waits for otherwise.
    """
    gates = _closed.get(id(module))
    if not gates:
        return
    gate = gates[-1]
    if gate.lets_through() or _depth(sys._getframe(1), gate.ids) > 1:
        return
    own, until, waited = get_ident(), time.monotonic() + turns.PATIENCE, False
    with _changed:
        _waiting[own] = id(module)
        try:
            # another run may begin before this thread wakes up
            while _closed.get(id(module)) and time.monotonic() < until:
                with waiting(lambda: _holders(module)) as for_ever:
                    if for_ever and waited:  # the run may be about to look again
                        return
                    waited = for_ever
                    _changed.wait(0.05 if for_ever else 1.0)
        finally:
            del _waiting[own]
            _first.discard(own)


def reading(module: nn.Module, read: Callable[[], T]) -> T:
    """``read()``, which reads or changes a model, while no run keeps it to itself.

    The frame of this function says that its thread is in the model.
    """
    _wait(_inner(module))
    return read()


_CODES: dict[CodeType, str] = {
    getattr(nn.Module, name).__code__: "self" for name in ("_call_impl", *_METHODS)
} | {
    getattr(nn.RNNBase, _RECURRENT).__code__: "self",
    reading.__code__: "module",
    stateless._functional_call.__code__: "module",
}
"""The code that runs in a thread that is in a module, and its name for the module."""


@uncompiled
def _called(module: nn.Module, args: object) -> None:
    _wait(_inner(module))


def _install() -> Undo:
    return register_module_forward_pre_hook(_called).remove


def _gated(own: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(own)
    def function(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        return reading(module, functools.partial(own, module, *args, **kwargs))

    return function

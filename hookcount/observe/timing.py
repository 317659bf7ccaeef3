"""The second listener: it notes when each module call of its thread begins and ends.

It sees no op, and no mode is active. For a timed run ``nn.Module.__call__`` is replaced. Hooks
would cost three times as much, keep ``nn.TransformerEncoderLayer`` from its fused path if they were
the module's own, and miss the end of a forward that an interrupt ends.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import get_ident
from typing import Any, NamedTuple, TypeAlias

from torch import nn

from .clocks import Clock
from .compiler import skipped, uncompiled
from .module_tree import ModuleTree, unwrap
from .patches import patched

Entered: TypeAlias = "nn.Module | str | None"
"""A module that is called, a path at which work begins, or None where the innermost of them ends.
"""
Note = tuple[Any, Entered]
"""A point of a run, as the clock marks it, and what begins there."""
_MOST = 20_000
"""So many notes are kept at most. Then they are added up."""
_listening: dict[int, tuple[Callable[[], Any], list[Note], Callable[[], None]]] = {}
"""By thread: what marks a point of the run, the notes, and what adds them up."""


class Listener:
    """Notes the points at which module calls begin and end, and adds them up in ``spent``."""

    def __init__(self, clock: Clock, spent: Spent) -> None:
        self.clock = clock
        self.spent = spent
        self.mark = clock.mark
        self.notes: list[Note] = []

    def enter(self, path: str) -> None:
        """Work begins that belongs to a path."""
        self.notes.append((self.mark(), path))

    def leave(self) -> None:
        """The work that began last ends."""
        self.notes.append((self.mark(), None))

    def end(self) -> None:
        """Add the notes up. To be called after ``clock.settle()``."""
        times = self.clock.read([mark for mark, _ in self.notes])
        self.spent.add(times, [begins for _, begins in self.notes])
        self.notes.clear()

    @uncompiled
    def full(self) -> None:
        """There are many notes: add them up now."""
        self.clock.settle()
        self.end()


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Note every module call of this thread in the block."""
    thread = get_ident()
    around = _listening.get(thread)
    with patched(nn.Module, "__call__", _noted):
        _listening[thread] = listener.mark, listener.notes, listener.full
        try:
            yield
        finally:
            if around is None:
                del _listening[thread]
            else:
                _listening[thread] = around


def _noted(own: Callable[..., Any]) -> Callable[..., Any]:
    """``nn.Module.__call__``, which notes the call in a thread that listens.

    Inside compiled code torch's compiler would compile each Python function that is called here.
    So there is none.
    """

    @functools.wraps(own)
    def __call__(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        here = _listening.get(get_ident())
        if here is None:
            return own(self, *args, **kwargs)
        mark, notes, full = here
        notes.append((mark(), self))
        try:
            return own(self, *args, **kwargs)
        finally:
            notes.append((mark(), None))
            if len(notes) > _MOST:
                full()

    return skipped(__call__)


class Spent:
    """Where the time of runs went: ``own`` has nanoseconds by the path of the innermost module.

    ``calls`` has the number of calls by path, and ``outermost`` the time of each outermost call.
    """

    def __init__(self, tree: ModuleTree) -> None:
        self._tree = tree
        self.own: dict[str, int] = {}
        self.calls: dict[str, int] = {}
        self.outermost: list[int] = []
        self._stack: list[_Frame] = []
        self._began = self._last = 0

    def add(self, times: Sequence[int], begins: Sequence[Entered]) -> None:
        """Add what a listener noted since the last time."""
        stack = self._stack
        for time, begun in zip(times, begins, strict=True):
            if stack:
                path = stack[-1].path
                self.own[path] = self.own.get(path, 0) + time - self._last
            else:
                self._began = time
            self._last = time
            if begun is not None:
                stack.append(self._enter(begun, stack[-1] if stack else _Frame("", False)))
            elif stack:
                stack.pop()
                if not stack:
                    self.outermost.append(time - self._began)

    def _enter(self, begun: nn.Module | str, caller: _Frame) -> _Frame:
        """The place of a call. A wrapper has the place of the module inside, which it may call."""
        if isinstance(begun, str):
            return _Frame(begun, False)
        inner = unwrap(begun)
        path = self._tree.of(inner, caller.path)
        if not (caller.wraps and caller.path == path):
            self.calls[path] = self.calls.get(path, 0) + 1
        return _Frame(path, inner is not begun)


class _Frame(NamedTuple):
    """A call that runs."""

    path: str
    wraps: bool
    """Whether it is the call of a wrapper."""

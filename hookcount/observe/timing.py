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
from .compiler import skipped
from .module_tree import ModuleTree, unwrap
from .patches import patched

Entered: TypeAlias = "nn.Module | str | None"
"""A module that is called, a path at which work begins, or None where the innermost of them ends.
"""
Note = tuple[Any, Entered]
"""A point of a run, as the clock marks it, and what begins there."""
_listening: dict[int, tuple[Callable[[], Any], Callable[[Note], None]]] = {}
"""By thread: what marks a point of the run, and what takes a note."""


class Listener:
    """Notes the points at which module calls begin and end."""

    def __init__(self, clock: Clock) -> None:
        self.mark = clock.mark
        self.notes: list[Note] = []

    def enter(self, path: str) -> None:
        """Work begins that belongs to a path."""
        self.notes.append((self.mark(), path))

    def leave(self) -> None:
        """The work that began last ends."""
        self.notes.append((self.mark(), None))


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Note every module call of this thread in the block."""
    thread = get_ident()
    around = _listening.get(thread)
    with patched(nn.Module, "__call__", _noted):
        _listening[thread] = listener.mark, listener.notes.append
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
        mark, note = here
        note((mark(), self))
        try:
            return own(self, *args, **kwargs)
        finally:
            note((mark(), None))

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

    def add(self, notes: Sequence[Note], clock: Clock) -> None:
        """Add what a listener noted between two points at which no call ran."""
        stack: list[_Frame] = []
        began = last = 0
        times = clock.read([mark for mark, _ in notes])
        for time, (_, begins) in zip(times, notes, strict=True):
            if stack:
                path = stack[-1].path
                self.own[path] = self.own.get(path, 0) + time - last
            else:
                began = time
            last = time
            if begins is not None:
                stack.append(self._enter(begins, stack[-1] if stack else _Frame("", False)))
            elif stack:
                stack.pop()
                if not stack:
                    self.outermost.append(time - began)

    def _enter(self, begins: nn.Module | str, caller: _Frame) -> _Frame:
        """The place of a call. A wrapper has the place of the module inside, which it may call."""
        if isinstance(begins, str):
            return _Frame(begins, False)
        inner = unwrap(begins)
        path = self._tree.of(inner, caller.path)
        if not (caller.wraps and caller.path == path):
            self.calls[path] = self.calls.get(path, 0) + 1
        return _Frame(path, inner is not begins)


class _Frame(NamedTuple):
    """A call that runs."""

    path: str
    wraps: bool
    """Whether it is the call of a wrapper."""

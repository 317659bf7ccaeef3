"""Holds signals back while a count enters and while it puts things back.

A signal handler in Python may raise at any line: ``KeyboardInterrupt`` for Ctrl-C, an error of a
timer. Between two steps of a count that would leave a mode, a hook or a changed model behind. So
such a handler runs late: when the forward begins, or at the end of the count. Python runs handlers
only in the main thread, so counts in other threads need none of this.

An exception that another thread injects (``PyThreadState_SetAsyncExc``) cannot be held back.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from threading import current_thread, main_thread
from types import CodeType, FrameType, TracebackType
from typing import Any, Literal

_NUMBERS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)
]

_outermost: HeldBack | None = None
"""The outermost block that the main thread is in."""


class HeldBack:
    """Holds signals back for the block, while ``holding`` is true.

    Each handler is called once at the end of the block, however often its signal came; Python does
    the same. Blocks inside the outermost one share its ``Signals``. Code that lets signals through
    writes this out, since only a plain assignment cannot be interrupted::

        try:
            signals.holding = False
            signals.release()
            ...
        finally:
            signals.holding = True

    ``end``: a function in which signals are held too, even before it sets ``holding``.
    ``keeps_handlers``: a handler that code in the block sets stays after the block.
    """

    def __init__(self, end: CodeType | None = None, keeps_handlers: bool = False) -> None:
        self.holding = True
        self._end = end
        self._keeps_handlers = keeps_handlers
        self._pending: list[int] = []
        self._handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self._before_all: dict[int, Any] = {}
        self._outer: HeldBack | None = None
        self._before = True

    def __enter__(self) -> HeldBack:
        """Returns the outermost block. Its ``holding`` serves all blocks in it."""
        global _outermost
        if current_thread() is not main_thread():
            return self
        if _outermost is not None:
            self._outer = _outermost
            self._before, self._outer.holding = self._outer.holding, True
            return self._outer
        for number in _NUMBERS:
            handler = self._before_all[number] = signal.getsignal(number)
            if callable(handler):
                self._handlers[number] = handler  # before the signal can come to `_came`
                try:
                    signal.signal(number, self._came)
                except ValueError:  # only the main interpreter may set a handler
                    del self._handlers[number]
        _outermost = self
        return self

    def _came(self, number: int, frame: FrameType | None) -> None:
        if self.holding or (frame is not None and frame.f_code is self._end):
            if number not in self._pending:
                self._pending.append(number)
        else:
            self._handlers[number](number, frame)

    def release(self) -> None:
        """Call the handlers of the signals that came. One of them may raise."""
        while self._pending:
            number = self._pending.pop(0)
            self._handlers[number](number, None)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        global _outermost
        if self._outer is not None:
            self._outer.holding = self._before
            if not self._before:
                self._outer.release()
        elif _outermost is self:
            _outermost = None
            for number, handler in self._before_all.items():
                now = signal.getsignal(number)
                ours = now == self._came or not self._keeps_handlers
                if ours and now is not handler and handler is not None:
                    signal.signal(number, handler)
            self.release()
        return False

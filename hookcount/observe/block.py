"""A ``with`` block that observes what runs in it. Signals wait for its first and last steps."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import TypeVar

from .interrupts import HeldBack

T = TypeVar("T")


class Block(AbstractContextManager[T]):
    """The block of a watch.

    ``begin`` enters what the block needs, and returns what ``with ... as`` gives. ``end`` gets that
    once all has been left, also after an exception.
    """

    def __init__(self, begin: Callable[[ExitStack], T], end: Callable[[T], object]) -> None:
        self._begin = begin
        self._end = end
        self._blocks = ExitStack()
        self._held = HeldBack(Block.__exit__.__code__, keeps_handlers=True)
        self._signals = self._held
        self._begun: list[T] = []

    def __enter__(self) -> T:
        self._signals = self._held.__enter__()
        try:
            begun = self._begin(self._blocks)
            self._begun.append(begun)
            self._signals.holding = False
            self._signals.release()
        except BaseException:
            self._signals.holding = True
            self._leave(*sys.exc_info())
            raise
        return begun

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._signals.holding = True
        self._leave(kind, error, traceback)

    def _leave(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._blocks.__exit__(kind, error, traceback)
            for begun in self._begun:
                self._end(begun)
        finally:
            self._held.__exit__(None, None, None)

"""A part of a run that may fail, after which another part takes its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from torch import nn

from .guard import Guard
from .kinds import handler
from .objects import Objects


class Given(Protocol):
    """The state of everything that the run got: see ``state.Given``."""

    guard: Guard


class Attempt:
    """The call of a module, which ``undo`` makes as if it had not begun.

    ``args`` and ``kwargs`` are for the call. ``given`` is None in a run whose changes stay.
    """

    def __init__(
        self,
        given: Given | None,
        module: nn.Module,
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
    ) -> None:
        self._guard = None if given is None else given.guard
        self._mark = None if self._guard is None else self._guard.mark()
        self._objects = Objects(handler)
        self.args = tuple([self._objects.reach(each) for each in args])
        self.kwargs = {name: self._objects.reach(each) for name, each in kwargs.items()}
        for each in module.modules():
            self._objects.reach(each)

    def undo(self) -> None:
        """Put back what the call has changed."""
        for put_back in self._objects.restore_steps():
            put_back()
        if self._guard is not None and self._mark is not None:
            self._guard.back_to(self._mark)

    def end(self) -> None:
        """The call, or what took its place, is over."""
        if self._guard is not None and self._mark is not None:
            self._guard.drop(self._mark)

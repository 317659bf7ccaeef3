"""The parts of a training step outside of the forward, for errors: which one runs, which raised."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from torch import nn
from torch.utils.hooks import BackwardHook

FAKE = "replace the forward of this module, or of one around it, with hookcount.register_fake"
"""What else to do where a module needs values."""


class StepPart(NamedTuple):
    """A part of a training step."""

    place: str
    """Its name in an error: ``"the loss"``."""
    instead: str
    """What else to do where the part needs values."""
    so: str = ""
    """What follows where it needs values."""
    given: str = ""
    """What it got, where it raised an exception."""


class StepParts:
    """The part that runs now, and the one in which an exception was raised."""

    def __init__(self) -> None:
        self.now: StepPart | None = None
        self._raised: tuple[BaseException, StepPart] | None = None

    @contextmanager
    def running(self, part: StepPart) -> Iterator[None]:
        """A part runs in the block."""
        before, self.now = self.now, part
        try:
            yield
        except Exception as error:
            self.raised(error, part)
            raise
        finally:
            self.now = before

    def raised(self, error: BaseException, part: StepPart) -> None:
        """An exception was raised in a part. The innermost part is kept."""
        if self.of(error) is None:
            self._raised = error, part

    def of(self, error: BaseException) -> StepPart | None:
        """The part in which an exception was raised. None if it was in no part."""
        return self._raised[1] if self._raised is not None and self._raised[0] is error else None

    def forget(self) -> None:
        """Forget the exception, which holds all that its functions held."""
        self._raised = None


def hooked_module(error: BaseException) -> nn.Module | None:
    """The module whose hook of the backward pass raised an exception. None if none did."""
    found, traceback = None, error.__traceback__
    while traceback is not None:
        holder = traceback.tb_frame.f_locals.get("self")
        if isinstance(holder, BackwardHook):
            found = holder.module
        traceback = traceback.tb_next
    return found

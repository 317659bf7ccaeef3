"""The forwards of a model in a user's program, for the doors of calflops and DeepSpeed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from torch import nn

from ..conventions import Convention
from ..counter import Watch
from ..observe.model import checked
from ..report import Report
from .counting import counter_for
from .inside import inside
from .shared import refused


class Watched:
    """What a model runs between ``start`` and ``stop``. The program runs for real, as without it.

    ``convention``: one of the tool, which says which functions the tool replaces. Raises
    ``ModelError`` as ``hookcount.count`` does.
    """

    def __init__(self, model: nn.Module, convention: Convention) -> None:
        checked(model)
        self.model = model
        self.last: tuple[tuple[Any, ...], dict[str, Any]] | None = None
        """The arguments of the model's last call."""
        self._convention = convention
        self._block: ExitStack | None = None
        self._watch: Watch | None = None
        self._report: Report | None = None

    def start(self) -> None:
        """Begin to count, from zero."""
        self.end()
        self._begin()

    def stop(self) -> None:
        """Stop counting. What was counted stays."""
        block, self._block = self._block, None
        if block is not None:
            block.close()
        if self._watch is not None:
            now, self._watch = self._watch.report().priced, None
            trace = inside(now.trace, self.model)
            if self._report is not None:
                trace = self._report.priced.trace.followed_by(trace)
            self._report = Report(replace(now, trace=trace))

    def reset(self) -> None:
        """Forget what was counted. A running count goes on from zero."""
        with self.paused():
            self.last = None
            if self._report is not None:
                trace = replace(self._report.priced.trace, runs=())
                self._report = Report(replace(self._report.priced, trace=trace))

    def end(self) -> None:
        """Stop, and forget what was counted."""
        self.stop()
        self._report = self.last = None

    def report(self, where: str, fix: str) -> Report:
        """What was counted so far. A running count goes on.

        Raises ``InputError`` if nothing was started, with the name of the caller's method and what
        to call first.
        """
        with self.paused():
            pass
        if self._report is None:
            raise refused(where, "nothing was profiled", fix)
        return self._report

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop for the block. A running count goes on afterwards."""
        running = self._block is not None
        self.stop()
        try:
            yield
        finally:
            if running:
                self._begin()

    def _begin(self) -> None:
        with ExitStack() as stack:
            handle = self.model.register_forward_pre_hook(self._note, with_kwargs=True)
            stack.callback(handle.remove)
            self._watch = stack.enter_context(counter_for(self._convention).watch(self.model))
            self._block = stack.pop_all()

    def _note(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.last = args, kwargs

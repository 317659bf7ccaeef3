"""Runs the forward of a model, or a step of its training. A note on an exception says where."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import TypeAlias

from torch import nn

from ..core.errors import HookcountError, module_at, note
from ..core.trace import OUTSIDE
from .autograd import Step
from .distributed import settle
from .interrupts import HeldBack
from .mistakes import refuse_mistakes
from .module_tree import type_name
from .observer import Observer
from .state import Given
from .step_parts import StepPart

Act: TypeAlias = Callable[[nn.Module, Callable[[], object], Step], None]
"""What a run does: it gets the model, its forward without arguments, and the step to report to."""


def called(
    model: nn.Module, given: Given, observer: Observer, signals: HeldBack, act: Act | None
) -> None:
    """Run the model, or a step of its training. A note on an exception names the module."""

    def forward() -> object:
        out = model(*given.args, **given.kwargs)
        settle(out, observer)
        observer.reach.settle(out)
        return out

    try:
        try:
            signals.holding = False
            signals.release()
            context = contextvars.copy_context()
            if act is None or observer.step is None:
                context.run(forward)
            else:
                context.run(act, model, forward, observer.step)
        finally:
            signals.holding = True
    except HookcountError:
        raise
    except Exception as error:
        part = _part_of(observer, error)
        if part is None:
            where = module_at(*(observer.failed_at or ("", type_name(model))))
            where = f"{where} while it was being counted"
        else:
            where = f"{part.place} while a training step was being counted{part.given}"
        note(error, f"hookcount: raised in {where}; the model is as it was before.")
        if part is None:
            refuse_mistakes(model, given.args, given.kwargs, error)
        raise


def _part_of(observer: Observer, error: Exception) -> StepPart | None:
    """The part of a training step that raised an exception. None if a module of the model did."""
    if observer.step is None:
        return None
    in_module = observer.failed_at is not None and not observer.failed_at[0].startswith(OUTSIDE)
    return None if in_module else observer.step.parts.of(error)

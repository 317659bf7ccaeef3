"""A real run that sees ops as a jit trace does: an op that is made of others is noted whole, and what it runs is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from ...core.errors import note
from ...core.trace import Trace
from ...counter import Counter
from ...observe.dispatch import RealRun, Run
from ...observe.observer import Observer
from ...observe.opfacts import OpFacts, op_facts
from ...observe.places import Places
from ...observe.run import Modes
from ...observe.specs import op_specs
from ...observe.state import Guard
from ...rules.registry import target_name
from ..unfused import unfused

CONVOLUTIONS = frozenset(
    f"aten::{name}"
    for name in (
        "conv1d",
        "conv2d",
        "conv3d",
        "conv_transpose1d",
        "conv_transpose2d",
        "conv_transpose3d",
    )
)
_CELLS = frozenset(
    f"aten::{name}" for name in ("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell")
)
OPENED = CONVOLUTIONS | _CELLS
"""Composite ops that a jit trace opens: convolutions down to the one that they all are, cells to their products."""


class WholeRun(RealRun):  # type: ignore[no-untyped-call]
    """Notes the outermost op of each call. What that op runs only passes the guard, which saves what is written to."""

    def __init__(self, observer: Observer, guard: Guard | None) -> None:
        super().__init__(observer, guard)
        self._inside = False

    def see(self, func: Any, args: Any, kwargs: Any) -> Any:
        facts = op_facts(func)
        if self._inside or not facts.composite or facts.name in OPENED:
            return super().see(func, args, kwargs)
        before = _specs(args, kwargs)
        self._inside = True
        try:
            out = super().see(func, args, kwargs)
        finally:
            self._inside = False
        self._observer.ran(func, *before, out)
        return out

    def op(self, func: Any, facts: OpFacts, args: Any, kwargs: Any) -> Any:
        if not self._inside:
            return super().op(func, facts, args, kwargs)
        if self._guard is not None:
            self._guard.before(facts, args, kwargs)
        return func(*args, **kwargs)


def whole(observer: Observer, guard: Guard, data: Iterator[torch.Tensor]) -> tuple[Run, Modes]:
    """The modes of such a run: below autograd, composite ops come to the mode whole, whatever the grad mode is."""
    return WholeRun(observer, guard), [torch._C._AutoDispatchBelowAutograd()]


def observe(places: Places, args: tuple[Any, ...]) -> Trace:
    """Run ``model(*args)`` for real once; the trace of it has composite ops whole. All is as before afterwards.

    Raises what the model raises; with a note where it asked for gradients, which do not exist below autograd.
    """

    try:
        with unfused(places.modules):
            return Counter(run="real").runner.traced(places, args, {}, whole)
    except RuntimeError as error:
        if "does not require grad" in str(error):
            note(
                error,
                'hookcount: ops are kept whole below autograd. To fix it: use hookcount.count(...).under("fvcore").',
            )
        raise


def _specs(args: Any, kwargs: Any) -> tuple[Any, dict[str, Any]]:
    return op_specs(args), {name: op_specs(value) for name, value in kwargs.items()}


def kind(op: Any) -> str:
    """An op's name in a jit trace, without its overload."""
    name = target_name(op).partition(".")[0]
    return "aten::_convolution" if name == "aten::convolution" else name

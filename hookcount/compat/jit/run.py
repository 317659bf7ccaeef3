"""A real run that sees ops as a jit trace does.

A composite op is recorded as one op, and so is a call that is one node of a trace (``nodes.py``).
The ops that these run are not recorded.
"""

from __future__ import annotations

from typing import Any

import torch

from ...core.errors import note
from ...core.trace import Trace
from ...counter import Counter
from ...observe.dispatch import RealRun, Run
from ...observe.module_tree import ModuleTree
from ...observe.observer import Observer
from ...observe.observing import Modes
from ...observe.opfacts import OpFacts, op_facts
from ...observe.specs import op_described
from ...observe.state import Given
from ...observe.undo.guard import Guard
from ...observe.values import OpArgs, OpKwargs, OpResult
from ...rules.registry import Op
from ..unfused import unfused
from .names import OPENED, traced_as
from .nodes import Go, nodes_recorded

_MAKES = torch.ops.aten.cat.default
"""An op like a node: it takes tensors and makes others."""


class WholeRun(RealRun):  # type: ignore[no-untyped-call]
    """Records the outermost op of each call.

    An op inside it is only passed to the guard, which saves the tensors that the op writes.
    """

    def __init__(self, observer: Observer, guard: Guard | None) -> None:
        super().__init__(observer, guard)
        self._inside = False

    def see(self, func: Op, args: OpArgs, kwargs: OpKwargs) -> OpResult:
        facts = op_facts(func)
        if self._inside or not facts.composite or facts.name in OPENED:
            return super().see(func, args, kwargs)
        before = op_described(args), {name: op_described(value) for name, value in kwargs.items()}
        self._inside = True
        try:
            out = super().see(func, args, kwargs)
        finally:
            self._inside = False
        self._observer.ran(traced_as(func), *before, out)
        return out

    def op(self, func: Op, facts: OpFacts, args: OpArgs, kwargs: OpKwargs) -> OpResult:
        if not self._inside:
            return super().op(func, facts, args, kwargs)
        if self._guard is None:
            return func(*args, **kwargs)
        return self._guard.run(func, facts, args, kwargs)

    def node(self, name: str, inputs: tuple[Any, ...], names: tuple[str, ...], go: Go) -> Any:
        """Run a call that is one node of a jit trace. Its parts are not recorded."""
        observer = self._observer
        if self._inside or not observer.listening():
            return go()
        given = op_described(inputs)
        self._inside = True
        try:
            out = go()
        finally:
            self._inside = False
        target: Any = name  # there is no op
        call = observer.calls.of_op(target, given, {"names": names}, op_described(out))
        observer.note(call, True)
        observer.made(op_facts(_MAKES), inputs, {}, out)
        return out


def whole_modes(observer: Observer, given: Given) -> tuple[Run, Modes]:
    """The modes of a run with whole ops, in the form of ``observe.run.MakesModes``.

    The run is below autograd. There, a composite op reaches the dispatch mode as one op in every
    grad mode.
    """
    run = WholeRun(observer, given.guard)
    return run, [nodes_recorded(run), torch._C._AutoDispatchBelowAutograd()]


def observe(module_tree: ModuleTree, args: tuple[object, ...]) -> Trace:
    """Run ``model(*args)`` for real once. The trace has composite ops as one op.

    The model, its inputs and the random state are afterwards as before. Raises the exceptions of
    the model. One gets a note if the model needed gradients, because there are none below autograd.
    """
    try:
        with unfused(module_tree.modules):
            return Counter(run="real").runner.traced(module_tree, args, {}, whole_modes)
    except RuntimeError as error:
        if "does not require grad" in str(error):
            note(
                error,
                "hookcount: this run is below autograd, where there are no gradients. "
                'To fix it: use hookcount.count(...).under("fvcore").',
            )
        raise

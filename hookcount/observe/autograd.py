"""The phase of each op of a training step, and the module that it belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch.autograd.function import BackwardCFunction

from ..core.errors import module_at
from ..core.trace import OUTSIDE, Call, ModuleRun, OpRun, Phase, Whole
from .call_sites.lines import OneCall, calling_site
from .module_tree import ModuleTree, type_name
from .owners import Owners
from .stack import OpTimes
from .state import Given
from .step_parts import FAKE, StepPart, StepParts, hooked_module
from .updates import Updates

_node = torch._C._current_autograd_node
_Accumulates: Any = torch._C._functions.AccumulateGrad
"""The node that gives a leaf its gradient."""


def leaves_of(outputs: Iterable[Any]) -> tuple[list[torch.Tensor], bool]:
    """The leaves that a backward pass may give a gradient to, and whether it has custom Functions.

    Such a Function may return a constant, which then requires grad.
    """
    custom = False
    waiting: list[Any] = [node for each in outputs if (node := getattr(each, "grad_fn", None))]
    seen, found = set(waiting), []
    while waiting:
        node = waiting.pop()
        if type(node) is _Accumulates:
            found.append(node.variable)
        elif isinstance(node, BackwardCFunction):
            custom = True
        for each, _ in node.next_functions:
            if each is not None and each not in seen:
                seen.add(each)
                waiting.append(each)
    return found, custom


class Where(NamedTuple):
    """The phase of an op outside of all running modules, and the path that it belongs to."""

    phase: Phase
    path: str


class Step:
    """The training step of one observation: its phase, and the work that is not a forward's."""

    def __init__(self, tree: ModuleTree, around: Step | None = None) -> None:
        self._tree = tree
        self.owners: Owners = Owners(None if around is None else around.owners)
        self._is_beside = around is not None
        self.updates = Updates(tree)
        self.parts = StepParts()
        self.left_out = False
        """Whether ops outside of all modules are not to be recorded."""
        self._ops: dict[Where, OpTimes] = {}
        self._pass = torch._C._current_graph_task_id()
        self._make_graph: list[bool] = []
        """Of each backward pass that is running, whether it makes a graph."""
        self._engine = OneCall()
        self._applied: tuple[int, Phase] | None = None
        """Of the custom Function that is applied in a pass: the pass, and the phase there."""
        self._last = OUTSIDE
        """The owner of the last backward op."""
        self.leaves: list[torch.Tensor] = []
        """The leaves of the backward pass that began last, in a count."""
        self.custom = False
        """Whether that pass has custom Functions."""
        self._elsewhere: list[Step] = []
        """The same step in other threads."""

    def beside(self, path: str) -> Step:
        """The same step in the present thread, to which another one hands work of a module."""
        made = Step(self._tree, self)
        made.owners.begin(path)
        self._elsewhere.append(made)
        return made

    def returned(self, given: object, out: object) -> None:
        """An outermost module call of this thread returned."""
        if self._is_beside:
            self.owners.mark(out, given)

    def _owner(self, node: Any) -> str:
        if self._elsewhere or self._is_beside:
            return self.owners.of_node(node)
        return self.owners.of(node._sequence_nr())

    def begin(self, outputs: Iterable[Any], given: Given) -> None:
        """A backward pass begins in a count. A loss may have parameters of its own."""
        self.leaves, self.custom = leaves_of(outputs)
        for each in self.leaves:
            if self.updates.owner(each) == OUTSIDE:
                given.use_grad(each, gives=True)

    def end(self) -> None:
        """The step has ended: hold no tensors."""
        for each in self._elsewhere:
            each.end()
        self.leaves = []
        self.parts.forget()

    def phase_of_call(self) -> Phase:
        """The phase of a module call that begins now: a forward in a pass runs again."""
        here = torch._C._current_graph_task_id()
        return "forward" if here == self._pass else "recompute"

    def _phase(self) -> Phase:
        """The phase of an op that runs in a backward pass."""
        if self._applied is not None and self._applied[0] == torch._C._current_graph_task_id():
            return self._applied[1]
        makes_graph = bool(self._make_graph) and self._make_graph[-1]
        # if autograd records here without need of the pass, then a forward runs again
        return "recompute" if torch.is_grad_enabled() and not makes_graph else "backward"

    @contextmanager
    def applying(self) -> Iterator[None]:
        """The forward of a custom Function runs in the block, where autograd does not record."""
        before, here = self._applied, torch._C._current_graph_task_id()
        if here != self._pass:
            self._applied = here, self._phase()
        try:
            yield
        finally:
            self._applied = before

    @contextmanager
    def passing(self, makes_graph: bool) -> Iterator[None]:
        """A backward pass runs in the block."""
        self.updates.begin_pass()
        self._make_graph.append(makes_graph)
        try:
            yield
        except Exception as error:
            self.parts.raised(error, self._failed_pass(error))
            raise
        finally:
            self._make_graph.pop()
            self._engine = OneCall()
            self.updates.passed = self.updates.has_gradients = True

    def part(self) -> StepPart | None:
        """The part of the step that runs now. None if it is the forward."""
        node: Any = _node()
        if node is None or torch._C._current_graph_task_id() == self._pass:
            return self.parts.now
        return self._pass_of(self._owner(node))

    def failed(self, node: Any, error: Exception) -> None:
        """The backward pass of a custom Function raised an exception."""
        self.parts.raised(error, self._pass_of(self._owner(node)))

    def _failed_pass(self, error: Exception) -> StepPart:
        """The backward pass of a module whose hook raised, or what is known otherwise."""
        module = hooked_module(error)
        paths = [path for path, each in self._tree.walked if each is module]
        if paths:
            return self._pass_of(paths[0])
        before = f"; the last backward op before it was that of {self._named(self._last)}"
        return StepPart("the backward pass", FAKE, given=before)

    def _pass_of(self, path: str) -> StepPart:
        return StepPart(f"the backward pass of {self._named(path)}", FAKE)

    def _named(self, path: str) -> str:
        types = {each: type_name(module) for each, module in self._tree.walked}
        return "the loss" if path == OUTSIDE else module_at(path, types.get(path, ""))

    def note(self, call: Call, whole: Whole) -> bool:
        """Record an op call that runs outside of all running modules.

        False: it is the forward's, which the observer records.
        """
        if self.left_out:
            return True
        if self.updates.running():
            parts = [(Where("optimizer", path), part) for path, part in self.updates.parts(call)]
        elif (where := self._where()) is not None:
            parts = [(where, call)]
        else:
            return False
        if whole != "call":  # the ops that make up the call are noted too
            site = self._engine.site() if self._make_graph else calling_site(False)
            for where, part in parts:
                ops, key = self._ops.setdefault(where, {}), (part, True, site)
                ops[key] = ops.get(key, 0) + 1
        return True

    def _where(self) -> Where | None:
        if torch._C._current_graph_task_id() == self._pass:
            self.owners.continue_as(OUTSIDE)
            return None
        node: Any = _node()
        if node is None:  # the gradients of several uses of a tensor are added
            return Where("backward", self._last)
        if type(node) is _Accumulates:
            return Where("accumulate", self.updates.owner(node.variable))
        self._last = self._owner(node)
        self.owners.continue_as(self._last)
        return Where(self._phase(), self._last)

    def runs(self) -> list[ModuleRun]:
        """The work of the step, as one run for each phase and module that it belongs to."""
        self.parts.forget()
        types = {path: type_name(module) for path, module in self._tree.walked}
        return [
            ModuleRun(
                path,
                types.get(path, ""),
                None,
                phase,
                None,
                tuple([OpRun(op, own, times, *site) for (op, own, site), times in ops.items()]),
                by_ops=True,
                of_step=True,
            )
            for (phase, path), ops in self._work()
        ]

    def _work(self) -> Iterator[tuple[Where, OpTimes]]:
        yield from list(self._ops.items())
        for each in list(self._elsewhere):
            yield from each._work()

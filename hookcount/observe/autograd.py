"""Which module call the work of a backward pass belongs to, and the phase of a training step.

Autograd numbers the nodes of its graph in each thread. The node that a backward op runs in has the
number of the op that made it. So the number tells the module that was running then.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch

from ..core.trace import OUTSIDE, Call, ModuleRun, OpRun, Phase, Whole
from .call_sites.lines import calling_site
from .module_tree import ModuleTree, type_name
from .specs import op_tensors
from .stack import OpTimes
from .values import OpArgs

_next_number = torch._C._autograd._get_sequence_nr
_node = torch._C._current_autograd_node


class Owners:
    """The path of the module that made each node of the graph, by the node's number."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._paths: list[str] = []
        self.seen = 0
        """The next number, when it was last looked at."""

    def begin(self, path: str) -> None:
        """Nodes from the next number on belong to ``path``."""
        self.seen = _next_number()
        self._begin(self.seen, path)

    def continue_as(self, path: str) -> None:
        """Nodes since the number that was seen last belong to ``path``."""
        start, self.seen = self.seen, _next_number()
        if self.seen > start and (not self._paths or self._paths[-1] != path):
            self._begin(start, path)

    def _begin(self, start: int, path: str) -> None:
        while self._starts and self._starts[-1] >= start:  # no node was made in between
            self._starts.pop()
            self._paths.pop()
        self._starts.append(start)
        self._paths.append(path)

    def of(self, number: int) -> str:
        """The path of the module that made the node with a number."""
        place = bisect_right(self._starts, number) - 1
        return self._paths[place] if place >= 0 else OUTSIDE


class Where(NamedTuple):
    """The phase of an op outside of all running modules, and the path that it belongs to."""

    phase: Phase
    path: str


class Step:
    """The training step of one observation: its phase, and the work that is not a forward's."""

    def __init__(self, tree: ModuleTree) -> None:
        self.owners = Owners()
        self.left_out = False
        """Whether ops outside of all modules are not to be recorded."""
        self._ops: dict[Where, OpTimes] = {}
        self._path_of = _paths(tree)
        self._pass = torch._C._current_graph_task_id()
        self._make_graph: list[bool] = []
        """Of each backward pass that is running, whether it makes a graph."""
        self._optimizers: list[tuple[object, int]] = []
        """Each optimizer that is running, and the backward pass in which it began."""
        self._last = OUTSIDE
        """The owner of the last backward op."""
        self._updates = OUTSIDE
        """The owner of the parameter that an optimizer updates."""
        self._state_of: dict[int, str] = {}
        """By the identity of a gradient or a state of the optimizer, the owner of the parameter."""

    def phase(self) -> Phase:
        """The phase of what runs now. An optimizer's is only of ops outside of all modules."""
        if torch._C._current_graph_task_id() == self._pass:
            return "forward"
        makes_graph = bool(self._make_graph) and self._make_graph[-1]
        # if autograd records here without need of the pass, then a forward runs again
        return "recompute" if torch.is_grad_enabled() and not makes_graph else "backward"

    def note(self, call: Call, whole: Whole) -> bool:
        """Record an op call that runs outside of all running modules.

        False: it is the forward's, which the observer records.
        """
        if self.left_out:
            return True
        where = self._where()
        if where is None:
            return False
        ops, key = self._ops.setdefault(where, {}), (call, True, calling_site(False))
        if whole != "call":
            ops[key] = ops.get(key, 0) + 1
        return True

    def runs(self, tree: ModuleTree) -> list[ModuleRun]:
        """The work of the step, as one run for each phase and module that it belongs to."""
        types = {path: type_name(module) for path, module in tree.walked}
        return [
            ModuleRun(
                path,
                types.get(path, ""),
                None,
                phase,
                None,
                tuple([OpRun(op, own, times, *site) for (op, own, site), times in ops.items()]),
                by_ops=True,
            )
            for (phase, path), ops in self._ops.items()
        ]

    def _where(self) -> Where | None:
        number = torch._C._current_graph_task_id()
        if self._optimizers and self._optimizers[-1][1] == number and not torch.is_grad_enabled():
            return Where("optimizer", self._updates)
        if number == self._pass:
            self.owners.continue_as(OUTSIDE)
            return None
        node: Any = _node()
        if node is None:  # the gradients of several uses of a tensor are added
            return Where("backward", self._last)
        variable = getattr(node, "variable", None)
        if isinstance(variable, torch.Tensor):
            return Where("accumulate", self._path_of.get(id(variable), OUTSIDE))
        self._last = self.owners.of(node._sequence_nr())
        self.owners.continue_as(self._last)
        return Where(self.phase(), self._last)

    # -- what torch says ---------------------------------------------------------------------------

    @contextmanager
    def passing(self, makes_graph: bool) -> Iterator[None]:
        """A backward pass runs in the block."""
        self._make_graph.append(makes_graph)
        try:
            yield
        finally:
            self._make_graph.pop()

    def optimizer_begins(self, optimizer: torch.optim.Optimizer) -> None:
        """An optimizer begins a step."""
        self.optimizer_ends(optimizer)  # an exception may have ended its last step
        self._optimizers.append((optimizer, torch._C._current_graph_task_id()))
        self._updates = OUTSIDE
        self._state_of = _states(optimizer, self._path_of)

    def optimizer_ends(self, optimizer: object) -> None:
        """An optimizer has ended its step."""
        for place, (each, _) in enumerate(self._optimizers):
            if each is optimizer:
                del self._optimizers[place:]
                return

    def updates(self, args: OpArgs) -> None:
        """An op runs on ``args``. An optimizer has one parameter after the other."""
        if self._optimizers:
            for each in op_tensors(args):
                path = self._path_of.get(id(each), self._state_of.get(id(each)))
                if path is not None:
                    self._updates = path
                    return


def _paths(tree: ModuleTree) -> dict[int, str]:
    """By the identity of a parameter, the path of the first module that has it."""
    found: dict[int, str] = {}
    for path, module in tree.walked:
        for each in module._parameters.values():
            if each is not None:
                found.setdefault(id(each), path)
    return found


def _states(optimizer: torch.optim.Optimizer, path_of: Mapping[int, str]) -> dict[int, str]:
    """By the identity of a gradient or a state of an optimizer, the path of the parameter."""
    found: dict[int, str] = {}
    for group in optimizer.param_groups:
        for each in group["params"]:
            path = path_of.get(id(each))
            if path is not None:
                state = optimizer.state.get(each, {})
                for held in (each.grad, *(state.values() if isinstance(state, Mapping) else ())):
                    if isinstance(held, torch.Tensor):
                        found[id(held)] = path
    return found

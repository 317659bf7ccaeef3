"""Which module an op of an optimizer belongs to: the one whose parameter it updates.

The same holds for an update that a training loop makes by hand, outside of all modules and passes
and without grad mode. Clipping of gradients is one, and so are a loss scaler and an average of
parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ..core.trace import OUTSIDE, Call, Value
from ..rules.registry import Op
from .contained import op_tensors, storage
from .module_tree import ModuleTree
from .opfacts import op_facts
from .parts import with_parts
from .undo import others
from .values import OpArgs, OpResult

Paths = tuple[str | None, ...]
"""The paths of the modules of several parameters."""


class Updates:
    """The optimizers that are running, and the owners of what they update."""

    def __init__(self, tree: ModuleTree) -> None:
        self._tree = tree
        self._before = _paths(tree.walked)
        self._path_of = self._before
        """By the identity of a parameter, and of this rank's part of it, the path."""
        self._looked = False
        """Whether the modules were looked at again. In the run they may have other parameters:
        whole ones under ``fully_shard``, or those that a loop gives them."""
        self._state_of: dict[int, str] = {}
        """By the identity of all that an optimizer works on, and of what is made of that, the path
        of the parameter."""
        self.passed = True
        """Whether there may be new gradients since the memory was last looked at."""
        self.has_gradients = True
        """Whether to look at gradients. Another thread may train the model, and to read a gradient
        meanwhile can end the process. Once one calls it, a pass of this thread comes first."""
        self._gradients: dict[int, str] = {}
        self._memory: dict[int, str] = {}
        """By the memory of a gradient and of a parameter, the path. Its views are known by that."""
        self._pass = torch._C._current_graph_task_id()
        self._by_hand = False
        """Whether the op that was met is an update outside of all optimizers."""
        self._running: list[tuple[object, int]] = []
        """Each optimizer that is running, and the backward pass in which it began."""
        self._path = OUTSIDE
        """The owner of the parameter that was updated last."""
        self._listed: Paths = ()
        """The owners of the parameters that were updated last, in one op."""
        self._met = False
        """Whether the last op has worked on a parameter, or on what is made of one."""
        self._cut: dict[tuple[Call, Paths], list[tuple[str, Call]]] = {}

    def owner(self, parameter: torch.Tensor) -> str:
        """The path of the first module that has a parameter."""
        path = self._path_of.get(id(parameter))
        if path is None and not self._looked:
            self._looked, self._path_of = True, self._before | _paths(self._tree.walk())
            path = self._path_of.get(id(parameter))
        return OUTSIDE if path is None else path

    def begin_pass(self) -> None:
        """A backward pass begins. The model may have other parameters than before."""
        self._looked = False

    def running(self) -> bool:
        """Whether an optimizer or an update by hand runs, and not the closure of an optimizer."""
        if not self._running:
            return self._by_hand and not torch.is_grad_enabled()
        optimizer, began_in = self._running[-1]
        if torch.is_grad_enabled() and not _has(optimizer, "differentiable"):
            return False  # autograd does not record the step
        return began_in == torch._C._current_graph_task_id()

    def captures(self) -> bool:
        """Whether an optimizer with ``capturable=True`` is running."""
        return bool(self._running) and self.running() and _has(self._running[-1][0], "capturable")

    def begin(self, optimizer: Any) -> None:
        """An optimizer begins a step."""
        self.end(optimizer)  # an exception may have ended its last step
        self._by_hand = self._looked = False
        self._running.append((optimizer, torch._C._current_graph_task_id()))
        self._path = OUTSIDE
        self._state_of = self._of_gradients()
        if isinstance(optimizer, torch.optim.Optimizer):
            self._state_of |= _states(optimizer, self.owner)

    def _of_gradients(self) -> dict[int, str]:
        """By the identity of a gradient, the path of the parameter."""
        return {
            id(grad): self.owner(each)
            for each in self._now()
            if each.grad is not None
            for grad in with_parts([each.grad])
        }

    def _now(self) -> Iterator[torch.Tensor]:
        """The parameters of the model as it is now."""
        for _, module in self._tree.walk():
            yield from (each for each in module._parameters.values() if each is not None)

    def end(self, optimizer: object) -> None:
        """An optimizer has ended its step."""
        for place, (each, _) in enumerate(self._running):
            if each is optimizer:
                del self._running[place:]
                return

    def met(self, func: Op, args: OpArgs) -> None:
        """An op runs on ``args``. An optimizer has one parameter after the other, or lists."""
        if not self._running:
            here = torch._C._current_graph_task_id()
            self._by_hand = (
                here == self._pass and not torch.is_grad_enabled() and self._updates(func, args)
            )
            if not self._by_hand:
                return
            self._path, self._state_of = OUTSIDE, {}
        lists = [op_tensors(each) for each in args if isinstance(each, (list, tuple))]
        first = next((each for each in args if op_tensors((each,))), None)
        if isinstance(first, (list, tuple)):
            self._met = True
            lists = [each for each in lists if each]
            for each in lists:
                if None not in (paths := tuple(map(self._updated, each))):
                    self._listed = paths
                    return
            if len(lists[0]) != len(self._listed):
                self._listed = ()
        else:
            self._listed = ()
            known = (path for each in op_tensors(args) if (path := self._updated(each)) is not None)
            found = next(known, None)
            self._met = found is not None
            self._path = self._path if found is None else found

    def made(self, out: OpResult) -> None:
        """An op has made tensors, of one parameter or of one each. They belong to its module."""
        if not self._running or not (several := op_tensors((out,))):
            return
        if not self._met:
            for each in several:
                self._state_of.pop(id(each), None)  # of a tensor that is gone
            return
        owners = self._listed
        if len(owners) != len(several):
            path = self._path if len({*owners}) < 2 else OUTSIDE  # of all together
            owners = (path,) * len(several)
        for each, owner in zip(several, owners, strict=True):
            self._state_of[id(each)] = owner or OUTSIDE

    def _updates(self, func: Op, args: OpArgs) -> bool:
        """Whether an op works on a gradient, or writes and works on a parameter."""
        if self.passed:
            self.passed, self._gradients, self._memory = False, {}, {}
            reads = self.has_gradients and not others.differentiate()
            for each in self._now():
                path = self.owner(each)
                self._memory[storage(each)] = path
                if reads and each.is_leaf and each.grad is not None:
                    self._gradients[storage(each.grad)] = path
        given = set(map(storage, op_tensors(args)))
        return bool(self._gradients.keys() & given) or (
            bool(self._memory.keys() & given) and bool(op_facts(func).writes)
        )

    def parts(self, call: Call) -> list[tuple[str, Call]]:
        """An op call, and the path of the module that it updates.

        An op on lists of tensors becomes one for each module.
        """
        listed = self._listed
        if not listed:
            return [(self._path, call)]
        places: dict[str, list[int]] = {}
        for place, path in enumerate(listed):
            places.setdefault(path or OUTSIDE, []).append(place)
        if len(places) == 1:
            return [(path, call) for path in places]
        key = (call, listed)
        if key not in self._cut:
            count = len(listed)
            self._cut[key] = [(path, _part(call, at, count)) for path, at in places.items()]
        return self._cut[key]

    def _updated(self, tensor: torch.Tensor) -> str | None:
        path = self._path_of.get(id(tensor), self._state_of.get(id(tensor)))
        if path is None and self._by_hand:
            memory = storage(tensor)
            return self._gradients.get(memory, self._memory.get(memory))
        return path


def _has(optimizer: object, option: str) -> bool:
    """Whether an optimizer of torch has an option for one of its groups."""
    return isinstance(optimizer, torch.optim.Optimizer) and any(
        group.get(option) for group in optimizer.param_groups
    )


def _paths(walked: Iterable[tuple[str, nn.Module]]) -> dict[int, str]:
    """By the identity of a parameter, the path of the first module that has it."""
    found: dict[int, str] = {}
    for path, module in walked:
        held = [each for each in module._parameters.values() if each is not None]
        for each in with_parts(held):
            found.setdefault(id(each), path)
    return found


def _states(
    optimizer: torch.optim.Optimizer, owner: Callable[[torch.Tensor], str]
) -> dict[int, str]:
    """By the identity of all that an optimizer works on, the path of the parameter.

    A parameter of no module of the model is outside.
    """
    return {
        id(held): owner(each)
        for group in optimizer.param_groups
        for each in group["params"]
        for held in with_parts((each, *_held(optimizer, each)))
    }


def _held(optimizer: torch.optim.Optimizer, parameter: torch.Tensor) -> Iterator[torch.Tensor]:
    state = optimizer.state.get(parameter)
    values = state.values() if isinstance(state, Mapping) else ()
    yield from (each for each in (parameter.grad, *values) if isinstance(each, torch.Tensor))


def _part(call: Call, places: Sequence[int], count: int) -> Call:
    """An op on lists of ``count`` tensors, with only the tensors at some places."""

    def chosen(value: Value) -> Value:
        if isinstance(value, (list, tuple)) and len(value) == count:
            return type(value)([value[place] for place in places])
        return value

    return Call(
        call.target,
        tuple(map(chosen, call.args)),
        {name: chosen(value) for name, value in call.kwargs.items()},
        chosen(call.out),
    )

"""Undoes what a forward changed in the model, its inputs, and the settings of the process."""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial

import torch

from .module_tree import ModuleTree
from .parts import part
from .undo import others
from .undo.guard import Guard
from .undo.kinds import handler
from .undo.modules import Changes, Modules
from .undo.objects import Objects
from .undo.randomness import Randomness
from .undo.settings import Settings
from .undo.tensor_states import TensorStates
from .undo.tensors import TensorState


class Given:
    """The state of everything that a forward gets, and the arguments for the forward.

    ``away`` are the ids of tensors of the model that have others in their place: see
    ``swapped.py``. ``changes`` are those of other threads, which stay. ``data`` are the tensors of
    the model and of the arguments. ``trained_by_others`` is to be set if another thread uses the
    model meanwhile. ``collects`` is the collector's state as the forward sees it.
    """

    def __init__(
        self,
        tree: ModuleTree,
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
        outer: Randomness | None = None,
        away: Collection[int] = (),
        changes: Changes | None = None,
    ) -> None:
        self.trained_by_others = False
        self._changes = changes or Changes()
        self.collects = gc.isenabled()
        self._clocks = others.clocks()
        self.in_company = bool(self._clocks)
        self.settings = Settings()
        # a cast that torch caches here would be on meta, and serve every thread
        torch.set_autocast_cache_enabled(False)
        self.randomness = Randomness(outer)
        self._objects = objects = Objects(handler)
        own = (*tree.parameters, *tree.buffers)
        absent = [each for each in own if id(each) in away]
        self._absent = frozenset(map(id, absent))
        objects.know(absent)
        self.args = tuple([objects.reach(each) for each in args])
        self.kwargs = {name: objects.reach(each) for name, each in kwargs.items()}
        objects.tree_tensors(own)
        self.data = list(map(part, (*objects.tensors, *absent)))
        self._modules = Modules(tree, objects)
        for module in objects.modules:  # a module in a plain list, for example
            if all(module is not each for each in tree.modules):
                found = (*module._parameters.values(), *module._buffers.values())
                self.data += [each for each in found if each is not None]
        self._states = states = TensorStates(objects.tensors)
        self._away = away_states = TensorStates(absent)
        self._used: dict[int, TensorState] = {}
        self._gave: dict[int, TensorState] = {}
        self._used_grads: list[TensorState] = []
        grads = self._used_grads  # the function must not hold this object, which holds it
        self.guard = Guard(lambda: [*states.all(), *away_states.all(), *grads], self.randomness)
        self._grads_are_kept = False
        if not self.in_company:
            self.keep_grads()
            self._away.keep_grads()

    def keep_grads(self) -> None:
        """Keep the gradients. In company this happens when the forward first uses one.

        Another thread may train the model, and to read a gradient meanwhile can end the process.
        """
        if not self._grads_are_kept:
            self._grads_are_kept = True
            if self._states.keep_grads():
                self.guard.renew()

    def use_grad_away(self, tensor: torch.Tensor, gives: bool) -> None:
        """This thread uses a gradient. If its tensor has another in its place, keep it."""
        if self.in_company and id(tensor) in self._absent:
            self.use_grad(tensor, gives)

    def use_grad(self, tensor: torch.Tensor, gives: bool) -> None:
        """Keep the gradient of a tensor that is none of the run's, before this thread uses it.

        ``gives``: whether the thread may give the tensor another gradient.
        """
        state = self._used.get(id(tensor))
        if state is None:
            state = self._used[id(tensor)] = TensorState(tensor)
            grad = tensor.grad if tensor.is_leaf else None
            state.keep_grad(grad)
            if grad is not None:
                self._used_grads.append(TensorState(grad))
                self.guard.renew()
        if gives:
            self._gave[id(tensor)] = state

    def others_ran(self) -> bool:
        """Whether another thread ran since the start.

        To be called after a value is read that it may have changed. If it did not run, a change is
        of this thread.
        """
        return others.ran(self._clocks)

    def others_drew(self) -> bool:
        """Whether another thread may have drawn random numbers."""
        return self.others_ran()

    def others_wrote(self, state: TensorState) -> bool:
        """Whether another thread may have written to a tensor."""
        return self.others_ran()

    def restore(self) -> None:
        """Put everything back. Each step runs, also if another one raises.

        Raises the first error of a step.
        """
        errors: list[BaseException] = []

        def step(run: Callable[[], object]) -> None:
            try:
                run()
            except Exception as error:
                errors.append(error)

        step(self.settings.restore_thread)
        step(lambda: self.settings.restore_process(self.others_ran))
        for put_back in self._objects.restore_steps():
            step(put_back)
        step(lambda: self._modules.restore(self._changes))
        for each in self._states.changed():
            others_wrote = partial(self.others_wrote, each)
            if id(each.tensor) in self._changes.moved:
                step(partial(each.restore_version, others_wrote))
            else:
                step(partial(_restore, each, others_wrote, not self.trained_by_others))
        for each in self._away.changed():
            others_wrote = partial(self.others_wrote, each)
            if self.others_ran():  # the change is theirs, but for what this run wrote
                step(partial(each.restore_version, others_wrote))
            else:
                step(partial(_restore, each, others_wrote, True))
        for each in self._gave.values():
            step(each.restore_grad)
        for each in self._used_grads:
            if each.changed():
                step(partial(_restore, each, partial(self.others_wrote, each), False))
        for put_back in self.guard.restore_values():
            step(put_back)
        step(lambda: self.randomness.restore(self.others_drew))
        if errors:
            raise errors[0]


def _restore(state: TensorState, others_wrote: Callable[[], bool], with_grad: bool) -> None:
    """Put back all of a tensor but its values."""
    with ExitStack() as steps:  # each runs, the last one first
        steps.callback(state.restore_version, others_wrote)
        if with_grad:
            steps.callback(state.restore_grad)
        steps.callback(state.restore_layout)
        steps.callback(state.restore_hooks)
        steps.callback(state.restore_graph)


@contextmanager
def preserved(
    tree: ModuleTree,
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
    outer: Randomness | None = None,
    away: Collection[int] = (),
    changes: Changes | None = None,
) -> Iterator[Given]:
    """Undo at the end of the block all changes that a forward makes in it, also after an exception.

    The model, the arguments, the random state and the settings are then as before.
    """
    given = Given(tree, args, kwargs, outer, away, changes)
    try:
        yield given
    finally:
        given.restore()

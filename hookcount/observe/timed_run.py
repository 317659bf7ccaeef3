"""A forward that runs for real, again and again, each time from the same state."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, nullcontext
from typing import Any, NamedTuple

import torch
from torch import nn

from ..core.errors import HookcountError, module_at, note
from .clocks import Clock, now
from .company import alone
from .contained import has_values, storage
from .interrupts import HeldBack
from .module_tree import ModuleTree, type_name
from .quiet import quiet
from .state import Given
from .timing import Listener, Spent, listening
from .undo.settings import ModeStacks
from .undo.tensors import TensorState, parts_in_memory

Args = tuple[object, ...]
"""The positional arguments of a model's ``forward``."""
Kwargs = Mapping[str, object]
"""The keyword arguments of a model's ``forward``."""


class Run(NamedTuple):
    """One timed forward."""

    nanoseconds: int
    """From the call until its work is done."""
    own: dict[str, int] | None = None
    """Nanoseconds by the path of the innermost module. None for a run without a listener."""
    calls: dict[str, int] = {}  # noqa: RUF012 (nobody writes to it)
    """Calls by path."""


class TimedForward:
    """``model(*args, **kwargs)``, to be timed. After each run all is as before it.

    No mode sees the ops of such a run. So the values of buffers, of arguments, of gradients and of
    all other tensors within reach are copied before, and put back after each run. Parameters are
    not copied: ``written`` names those to which the model wrote.
    """

    def __init__(
        self, model: Callable[..., object], tree: ModuleTree, args: Args, kwargs: Kwargs
    ) -> None:
        self._model = model
        self._tree = tree
        self._args, self._kwargs = args, kwargs
        self._copies: _Copies | None = None
        self._versions = list(_versions(tree))

    def run(self, clock: Clock, with_modules: bool, signals: HeldBack) -> Run:
        """Run the forward once. ``signals`` come through meanwhile."""
        with alone():
            given = _TimedGiven(self._tree, self._args, self._kwargs)
        gradients = _gradients(given)
        try:
            if self._copies is None:
                self._copies = _Copies([*given.data, *(each.tensor for each in gradients)])
            listener = Listener(clock, Spent(self._tree)) if with_modules else None
            return self._timed(given, clock, listener, signals)
        finally:
            with alone(), ExitStack() as steps:  # each runs, the last one first
                for each in gradients:
                    steps.callback(each.restore_version, lambda: False)
                steps.callback(given.restore)
                if self._copies is not None:
                    steps.callback(self._copies.restore)

    def _timed(
        self, given: Given, clock: Clock, listener: Listener | None, signals: HeldBack
    ) -> Run:
        modes, context = ModeStacks(), contextvars.copy_context()
        with nullcontext() if listener is None else listening(listener):
            clock.settle()
            try:
                signals.holding = False
                signals.release()
                begin = now()
                if listener is not None:
                    listener.enter("")
                out = context.run(self._model, *given.args, **given.kwargs)
                if listener is not None:
                    listener.leave()
                clock.settle()
                end = now()
            except Exception as error:
                self._explain(error)
                raise
            finally:
                signals.holding = True
                modes.restore()
        del out
        if listener is None:
            return Run(end - begin)
        listener.end()
        return Run(end - begin, listener.spent.own, listener.spent.calls)

    def _explain(self, error: Exception) -> None:
        """Note at the error which module raised it."""
        if isinstance(error, HookcountError):
            return
        paths = {id(module): path for path, module in reversed(self._tree.walked)}
        where = module_at("", type_name(self._tree.model))
        traceback = error.__traceback__
        while traceback is not None:
            here = traceback.tb_frame.f_locals.get("self")
            if isinstance(here, nn.Module) and id(here) in paths:
                where = module_at(paths[id(here)], type_name(here))
            traceback = traceback.tb_next
        text = f"hookcount: raised in {where} while it was being timed; "
        written = self.written()
        state = "the model is as it was before"
        if written:
            state += f", but for its parameters {', '.join(map(repr, written[:3]))}"
        note(error, f"{text}{state}.")

    def written(self) -> list[str]:
        """The paths of the parameters to which the model wrote since the start."""
        return [
            path for path, parameter, version in self._versions if parameter._version != version
        ]


def _versions(tree: ModuleTree) -> Iterator[tuple[str, torch.Tensor, int]]:
    """Each parameter, with the path at which it comes first and its version."""
    met: set[int] = set()
    for path, module in tree.walked:
        for name, each in module._parameters.items():
            if each is not None and id(each) not in met and not each.is_inference():
                met.add(id(each))
                yield f"{path}.{name}" if path else name, each, each._version


class _TimedGiven(Given):
    """What a timed forward gets. No op is seen, so its changes are not noted one by one.

    Thus a change of the run is taken for its own, also if another thread ran meanwhile. Parameters
    have no copies. So they keep the version that says that they have changed.
    """

    def others_drew(self) -> bool:
        return False

    def others_wrote(self, state: TensorState) -> bool:
        return isinstance(state.tensor, nn.Parameter)


def _gradients(given: Given) -> list[TensorState]:
    """The states of the gradients that there are.

    A forward may hold a backward pass, which adds to them. In company they are left alone: to read
    one while another thread trains can end the process.
    """
    if given.in_company:
        return []
    found = [each.grad for each in given.data if each.is_leaf]
    return [TensorState(each) for each in found if each is not None]


class _Copies:
    """The values of tensors, parameters left out."""

    def __init__(self, tensors: Iterable[torch.Tensor]) -> None:
        self._saved: dict[int, tuple[Any, Any]] = {}
        with quiet():
            for tensor in tensors:
                if isinstance(tensor, nn.Parameter):
                    continue
                for part in parts_in_memory(tensor) or (tensor,):
                    key = storage(part)
                    if key not in self._saved and has_values(part) and _in_memory(part):
                        memory = part.untyped_storage()
                        saved: Any = memory
                        self._saved[key] = memory, saved.clone()

    def restore(self) -> None:
        with quiet():
            for memory, copy in self._saved.values():
                if memory.nbytes() != copy.nbytes():
                    memory.resize_(copy.nbytes())
                memory.copy_(copy)


def _in_memory(tensor: torch.Tensor) -> bool:
    """Whether a tensor has memory of its own. A wrapper around other tensors has none."""
    try:
        return tensor.untyped_storage().data_ptr() != 0
    except (NotImplementedError, RuntimeError):
        return False

"""Tells the observers of a training step what torch does: backward passes and optimizers."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from .autograd import Step
from .elsewhere import observed_by
from .hidden import hidden_work_noted
from .observer import Observer, observers_here
from .patches import Undo, patched, shared

_BY_DEVICE = (
    "_get_fused_kernels_supported_devices",
    "_get_foreach_kernels_supported_devices",
    "_get_capturable_supported_devices",
)
"""The functions by which an optimizer finds out what the device of its parameters can do."""
_HOLDERS = tuple(
    (module, name)
    for path, module in list(sys.modules.items())
    if path.startswith("torch.optim.")
    for name in _BY_DEVICE
    if name in vars(module)
)
"""The modules of torch that have these functions, with the name of the function."""

_observed: list[Observer] = []
"""The observers of steps, of all threads."""


@contextmanager
def steps_noted(observer: Observer) -> Iterator[None]:
    """For the block, the step that is observed knows of backward passes and optimizers."""
    _observed.append(observer)
    with ExitStack() as undo:
        undo.callback(_observed.remove, observer)
        undo.enter_context(patched(torch.autograd, "_engine_run_backward", _noting))
        undo.enter_context(hidden_work_noted())
        undo.enter_context(patched(torch.autograd.Function, "apply", _applying))
        undo.enter_context(shared("optimizer hooks", _install))
        for module, name in _HOLDERS:
            undo.enter_context(patched(module, name, _with_meta))
        yield


def _steps() -> list[Step]:
    """The steps that are observed in this thread."""
    return [each.step for each in observers_here() if each.step is not None and each.listening()]


def _noting(own: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(own)
    def engine_run_backward(
        outputs: Any, gradients: Any, keep_graph: Any, create_graph: Any, *args: Any, **more: Any
    ) -> Any:
        steps = _steps()
        around = None if steps or observers_here() else _who_made(outputs)
        if around is not None:  # a thread of the user's own, which began before
            task = observed_by(around, engine_run_backward)
            return task(outputs, gradients, keep_graph, create_graph, *args, **more)
        with ExitStack() as passes:
            if steps:  # the engine's own threads, one for each GPU, have no observers
                passes.enter_context(torch.autograd.set_multithreading_enabled(False))
            for step in steps:
                passes.enter_context(step.passing(bool(create_graph)))
            for each in observers_here():
                if each.step in steps and each.given is not None:
                    of = (outputs,) if isinstance(outputs, torch.Tensor) else outputs
                    each.step.begin(of, each.given)
            if steps and not create_graph:
                passes.enter_context(_reaching_nothing())
            return own(outputs, gradients, keep_graph, create_graph, *args, **more)

    return engine_run_backward


@contextmanager
def _reaching_nothing() -> Iterator[None]:
    """A pass outside of all modules begins, whose gradients no further op of a forward uses."""
    here = [
        each.reach
        for each in observers_here()
        if each.step is not None and not each.in_module() and not each.reach.paused
    ]
    for each in here:
        each.paused = True
    try:
        yield
    finally:
        for each in here:
            each.paused = False


def _who_made(outputs: Any) -> Observer | None:
    """The observer that saw how tensors were made."""
    if isinstance(outputs, torch.Tensor):
        outputs = (outputs,)
    for observer in tuple(_observed):
        known = observer.origins.known
        if not observer.paused and any(
            (made := known.get(id(each))) is not None and made() is each for each in outputs
        ):
            return observer
    return None


def _applying(own: Any) -> Any:
    def apply(cls: type, *args: Any, **kwargs: Any) -> Any:
        with ExitStack() as forwards:
            for step in _steps():
                forwards.enter_context(step.applying())
            return own.__get__(None, cls)(*args, **kwargs)

    return classmethod(apply)


def _install() -> Undo:
    begins = register_optimizer_step_pre_hook(_begins)
    ends = register_optimizer_step_post_hook(_ends)

    def undo() -> None:
        begins.remove()
        ends.remove()

    return undo


def _begins(optimizer: torch.optim.Optimizer, args: object, kwargs: object) -> None:
    for step in _steps():
        step.updates.begin(optimizer)


def _ends(optimizer: object, args: object, kwargs: object) -> None:
    for step in _steps():
        step.updates.end(optimizer)


def _with_meta(own: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """``own``, which lists devices. In a shapes-only run meta is listed if its device is."""

    @functools.wraps(own)
    def supported_devices(*args: Any, **kwargs: Any) -> list[str]:
        found = own(*args, **kwargs)
        on_shapes = [each for each in observers_here() if each.shapes_only and each.step]
        return [*found, "meta"] if any(each.device in found for each in on_shapes) else found

    return supported_devices

"""Hides a count from the tools that are active around it, and those tools from the count.

A tool is a dispatch or function mode, a transform of ``torch.func``, a tracer, a profiler or a hook
on saved tensors. Such tools see nothing of a count. A tool that the model's own forward switches on
works as always.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import _disable_current_modes

_C: Any = torch._C
Undo = Callable[[], object]
"""Lets a tool see the process again."""


@dataclass(frozen=True)
class Company:
    """What was active around a count, as far as the count depends on it."""

    fakes: list[AbstractContextManager[object]]
    """The fake modes, outermost first. A real run enters them again, since they decide what a
    factory function returns."""
    transformed: bool
    """A transform of ``torch.func`` (``vmap``, ``grad``)."""


@contextmanager
def alone() -> Iterator[Company]:
    """Hide the block from all tools of this thread.

    The function mode of ``with torch.device(...)`` stays active, since the model's own factory
    functions follow it.
    """
    transformed = _C._functorch.peek_interpreter_stack() is not None
    with ExitStack() as tools:
        for hide in (_function_modes, _transforms, _tracer, _saved_tensors_hooks, _profiler):
            undo = hide()
            if undo is not None:
                tools.callback(undo)
        fakes: list[AbstractContextManager[object]] = []
        if _C._len_torch_dispatch_stack() or modes_before_autograd():
            hidden: list[Any] = tools.enter_context(_disable_current_modes())
            tools.enter_context(_C._DisablePythonDispatcher())
            fakes += [mode for mode in reversed(hidden) if isinstance(mode, FakeTensorMode)]
        # else a meta tensor, the cast of a weight, would wait in the cache for the next forward
        tools.callback(torch.set_autocast_cache_enabled, torch.is_autocast_cache_enabled())
        torch.set_autocast_cache_enabled(False)
        yield Company(fakes, transformed)


def modes_before_autograd() -> int:
    """How many modes see ops before autograd does. ``make_fx`` and ``torch.export`` use some."""
    count: Callable[[], int] = torch._ops._len_torch_dispatch_stack_pre_dispatch
    return count()


def _function_modes() -> Undo | None:
    """Hide the function modes, but for those that set a default device."""
    depth = _C._len_torch_function_stack()
    if not depth:
        return None
    from torch.utils._device import DeviceContext

    modes = [_C._pop_torch_function_stack() for _ in range(depth)][::-1]
    kept = [mode for mode in modes if isinstance(mode, DeviceContext)]
    for mode in kept:
        _C._push_on_torch_function_stack(mode)

    def undo() -> None:
        for _ in kept:
            _C._pop_torch_function_stack()
        for mode in modes:
            _C._push_on_torch_function_stack(mode)

    return undo


def _transforms() -> Undo | None:
    """Hide the transforms of ``torch.func``."""
    functorch = _C._functorch
    layers: list[Any] = []
    while functorch.peek_interpreter_stack() is not None:
        layers.append(functorch.pop_dynamic_layer_stack())

    if not layers:
        return None

    def undo() -> None:
        while layers:
            functorch.push_dynamic_layer_stack(layers.pop())

    return undo


def _tracer() -> Undo | None:
    """Pause ``torch.jit.trace``."""
    state = _C._get_tracing_state()
    if state is None:
        return None
    _C._set_tracing_state(None)
    return lambda: _C._set_tracing_state(state)


def _profiler() -> Undo | None:
    """Pause the recording of ops."""
    if not _C._autograd._profiler_enabled():
        return None
    _C._autograd._enable_record_function(False)
    return lambda: _C._autograd._enable_record_function(True)


def _saved_tensors_hooks() -> Undo | None:
    """Remove the hooks on tensors that autograd saves."""
    autograd: Any = _C._autograd
    if not hasattr(autograd, "_top_saved_tensors_default_hooks"):  # torch 2.6 cannot list them
        return _plain_hooks(autograd)
    hooks: list[tuple[Any, Any]] = []
    while (top := autograd._top_saved_tensors_default_hooks(False)) is not None:
        hooks.append(top)
        autograd._pop_saved_tensors_default_hooks()
    if not hooks:
        return None

    def undo() -> None:
        while hooks:
            autograd._push_saved_tensors_default_hooks(*hooks.pop())

    return undo


def _plain_hooks(autograd: Any) -> Undo | None:
    """Cover the hooks on saved tensors, if there are any, by hooks that do nothing.

    ``torch.func.grad`` raises where there are hooks.
    """
    if not autograd._saved_tensors_hooks_is_enabled():
        return None
    try:
        autograd._saved_tensors_hooks_disable("")
        return None
    except RuntimeError:  # there are hooks
        pass
    finally:
        autograd._saved_tensors_hooks_enable()
    autograd._push_saved_tensors_default_hooks(_same, _same)
    undo: Undo = autograd._pop_saved_tensors_default_hooks
    return undo


def _same(value: object) -> object:
    return value

"""Forward hooks that see every module call. They are global: one set serves all modules and counts.

Hooks on a module itself would keep ``nn.TransformerEncoderLayer`` from its fused path. Two hooks
run after a forward. The first reads the result. The second has ``always_call`` and only records
that the module is left, because torch swallows the exceptions of such a hook.

Each hook reports to the observers of its own thread. A module that runs in another thread is only
noted. That thread may compile the module, and its compiler passes over the hooks.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import CodeType
from typing import Any

from torch import nn
from torch.nn.modules import module as torch_module
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from .compiler import uncompiled
from .module_tree import wrapped_as
from .observer import Observer, observers_here
from .patches import Undo, patched, shared
from .undo.process_settings import module_hooks

Args = tuple[object, ...]
"""The positional arguments of a module's ``forward``."""

_counted: list[Observer] = []
"""The observers of all threads."""
_DICTS = (
    "_global_backward_pre_hooks",
    "_global_backward_hooks",
    "_global_forward_pre_hooks",
    "_global_forward_hooks",
)


@contextmanager
def hooked(observer: Observer) -> Iterator[None]:
    """Report every module that runs inside the block to ``observer``."""
    _counted.append(observer)
    try:
        with shared("module hooks", _install):
            yield
    finally:
        _counted.remove(observer)


@uncompiled
def _enter(module: nn.Module, args: Args) -> None:
    here = observers_here()
    if wrapped_as(type(module)):
        return
    for observer in here:
        if not observer.paused:
            observer.enter(module)
            if module._forward_pre_hooks:
                observer.suspend_claim(module, _codes(module))
    if len(here) < len(_counted):
        for observer in tuple(_counted):
            if all(each.origins is not observer.origins for each in here):
                observer.ran_elsewhere(module)


@uncompiled
def _returned(module: nn.Module, args: Args, *kwargs_and_out: Any) -> None:
    # Another thread may meet this hook half registered and call it without kwargs. Then that thread
    # has no observer, and the kwargs are not read.
    # A wrapper is skipped, since no observer has entered it.
    here = observers_here()
    if here:
        kwargs, out = kwargs_and_out
        for observer in here:
            if not observer.paused:
                observer.returned(module, args, kwargs, out)


@uncompiled
def _leave(module: nn.Module, args: Args, out: object) -> None:
    for observer in observers_here():
        if not observer.paused:
            observer.leave(module)


def _install() -> Undo:
    entering = register_module_forward_pre_hook(_enter)
    reading = register_module_forward_hook(_returned, with_kwargs=True)
    leaving = register_module_forward_hook(_leave, always_call=True)

    def undo() -> None:
        for handle in (leaving, reading, entering):
            handle.remove()
        # torch's own removal leaves this entry behind (seen in 2.6 and 2.15)
        torch_module._global_forward_hooks_with_kwargs.pop(reading.id, None)

    return undo


def _codes(module: nn.Module) -> frozenset[CodeType]:
    """The code of the module's own pre-hooks."""
    found = map(_code, tuple(module._forward_pre_hooks.values()))
    return frozenset(code for code in found if code is not None)


def _code(hook: Any) -> CodeType | None:
    while isinstance(hook, functools.partial):
        hook = hook.func
    hook = getattr(hook, "__func__", hook)
    code = getattr(hook, "__code__", None) or getattr(type(hook).__call__, "__code__", None)
    return code if isinstance(code, CodeType) else None


def unnoticed() -> AbstractContextManager[None]:
    """Compiled modules warn where a global hook is active. For the block, ours does not count."""
    name = "_has_any_global_hook"
    if not hasattr(torch_module, name):  # torch 2.6 does not warn
        return nullcontext()
    return patched(torch_module, name, _of_others)


def _of_others(own: Callable[[], object]) -> Callable[[], object]:
    def has_any_global_hook() -> object:
        return any(hooks for name, hooks in module_hooks() if name in _DICTS)

    return has_any_global_hook

"""Forward hooks that see every module call, put on all modules at once and taken off again.

Global hooks, since hooks on a module keep ``nn.TransformerEncoderLayer`` from its fused path. Two after the forward: one that
reads the result, and one with ``always_call`` that only leaves, because torch swallows what such a hook raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import get_ident
from typing import Any

from torch import nn
from torch.nn.modules import module as torch_module
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from .observer import Observer
from .places import Places, wrapped_as


@contextmanager
def hooked(observer: Observer, places: Places) -> Iterator[None]:
    """Tell ``observer`` of every module that runs inside the block."""

    def enter(module: nn.Module, args: Any) -> None:
        if not observer.paused and get_ident() == observer.thread and not wrapped_as(type(module)):
            observer.enter(module)
            if module._forward_pre_hooks:
                observer.suspend_claim(module, False)

    def returned(module: nn.Module, args: Any, *kwargs_and_out: Any) -> None:
        # another thread may meet this hook half registered and call it without kwargs: it is not for that thread
        if not observer.paused and get_ident() == observer.thread and not wrapped_as(type(module)):
            kwargs, out = kwargs_and_out
            observer.returned(module, args, kwargs, out)

    def leave(module: nn.Module, args: Any, out: Any) -> None:
        if not observer.paused and get_ident() == observer.thread and not wrapped_as(type(module)):
            observer.leave(module)

    def own_pre_hooks_done(module: nn.Module, args: Any) -> None:
        if observer.listening():
            observer.suspend_claim(module, True)

    with ExitStack() as handles:
        # a module's own pre-hooks (weight_norm, say) run between `enter` and its forward: mark where they end
        for module in places.modules:
            if module._forward_pre_hooks:
                handles.enter_context(module.register_forward_pre_hook(own_pre_hooks_done))
        handles.enter_context(register_module_forward_pre_hook(enter))
        reading = handles.enter_context(register_module_forward_hook(returned, with_kwargs=True))
        # torch's own removal forgets this mark (seen in 2.6 and 2.15)
        handles.callback(torch_module._global_forward_hooks_with_kwargs.pop, reading.id, None)
        handles.enter_context(register_module_forward_hook(leave, always_call=True))
        yield

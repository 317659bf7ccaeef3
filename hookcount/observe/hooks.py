"""Forward hooks that see every module call. They are global: one set serves all modules.

Hooks on a module itself would keep ``nn.TransformerEncoderLayer`` from its fused path. Two hooks
run after a forward. The first reads the result. The second has ``always_call`` and only records
that the module is left, because torch swallows the exceptions of such a hook.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import nn
from torch.nn.modules import module as torch_module
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from .module_tree import ModuleTree, wrapped_as
from .observer import Observer

Args = tuple[object, ...]
"""The positional arguments of a module's ``forward``."""


@contextmanager
def hooked(observer: Observer, tree: ModuleTree) -> Iterator[None]:
    """Report every module that runs inside the block to ``observer``."""

    def enter(module: nn.Module, args: Args) -> None:
        if (here := observer.of_this_thread(module)) is not None and not wrapped_as(type(module)):
            here.enter(module)
            if module._forward_pre_hooks:
                here.suspend_claim(module, False)

    def returned(module: nn.Module, args: Args, *kwargs_and_out: Any) -> None:
        # Another thread may meet this hook half registered and call it without kwargs. Then the
        # thread check returns before the kwargs are read.
        if (here := observer.of_this_thread()) is not None and not wrapped_as(type(module)):
            kwargs, out = kwargs_and_out
            here.returned(module, args, kwargs, out)

    def leave(module: nn.Module, args: Args, out: object) -> None:
        if (here := observer.of_this_thread()) is not None and not wrapped_as(type(module)):
            here.leave(module)

    def own_pre_hooks_done(module: nn.Module, args: Args) -> None:
        if (here := observer.of_this_thread()) is not None:
            here.suspend_claim(module, True)

    with ExitStack() as handles:
        # A module's own pre-hooks (of weight_norm, for example) run between `enter` and the
        # module's forward. A last pre-hook marks where they end.
        for module in tree.modules:
            if module._forward_pre_hooks:
                handles.enter_context(module.register_forward_pre_hook(own_pre_hooks_done))
        handles.enter_context(register_module_forward_pre_hook(enter))
        reading = handles.enter_context(register_module_forward_hook(returned, with_kwargs=True))
        # torch's own removal leaves this entry behind (seen in 2.6 and 2.15)
        handles.callback(torch_module._global_forward_hooks_with_kwargs.pop, reading.id, None)
        handles.enter_context(register_module_forward_hook(leave, always_call=True))
        yield

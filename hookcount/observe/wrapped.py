"""Wrappers of data parallelism inside a model: a count runs the module that they wrap, as it is.

They are ``DistributedDataParallel``, ``FullyShardedDataParallel`` and the hooks of ``replicate``.
They talk to other ranks in each forward, and some set themselves up in the first one.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import nn

from ..core.errors import ModelError, error_text, module_at
from .module_tree import ModuleTree, type_name, unwrap, wrapped_as
from .observer import observers_here
from .patches import patched

_WRAPPERS = (
    ("torch.nn.parallel.distributed", "DistributedDataParallel"),
    ("torch.distributed.fsdp.fully_sharded_data_parallel", "FullyShardedDataParallel"),
)
"""The module and the name of each wrapper class."""


@contextmanager
def wrappers_passed(tree: ModuleTree) -> Iterator[None]:
    """For the block, the wrappers in a model only call the modules that they wrap."""
    with ExitStack() as undo:
        for module, name in _WRAPPERS:
            cls = getattr(sys.modules.get(module), name, None)
            if cls is not None and any(issubclass(each, cls) for each in tree.types):
                undo.enter_context(patched(cls, "forward", _passed))
        for hooks, number in _hooks_of_replicate(tree):
            undo.callback(hooks.__setitem__, number, hooks[number])
            hooks[number] = _nothing
        yield


def _passed(own: Callable[..., object]) -> Callable[..., object]:
    """The ``forward`` of a wrapper, which in a count of its thread only calls what it wraps."""

    @functools.wraps(own)
    def forward(wrapper: nn.Module, *args: object, **kwargs: object) -> object:
        if any(each.listening() for each in observers_here()):
            return getattr(wrapper, wrapped_as(type(wrapper)))(*args, **kwargs)
        return own(wrapper, *args, **kwargs)

    return forward


def _nothing(*args: object) -> None:
    """Takes the place of a hook for a while."""


def _hooks_of_replicate(tree: ModuleTree) -> Iterator[tuple[dict[int, Any], int]]:
    """Each hook that ``replicate`` put on a module: the module's hooks and the hook's number."""
    module = sys.modules.get("torch.distributed._composable.replicate")
    cls = getattr(module, "_ReplicateState", None)
    if cls is None:
        return
    for each in tree.modules:
        for hooks in (each._forward_pre_hooks, each._forward_hooks):
            for number, hook in list(hooks.items()):
                if isinstance(getattr(hook, "__self__", None), cls):
                    yield hooks, number


def refuse_flat_parameters(model: nn.Module) -> None:
    """Raise ``ModelError`` if layers share a flat parameter of a ``FullyShardedDataParallel``.

    A count runs the layers themselves, whose gradients do not reach the flat parameter.
    """
    for path, module in model.named_modules():
        if any(getattr(each, "_is_flat_param", False) for each in module._parameters.values()):
            raise ModelError(
                error_text(
                    module_at(path, type_name(module)),
                    "FullyShardedDataParallel keeps its parameters in one flat parameter, which "
                    "the optimizer updates as a whole",
                    "wrap the model with use_orig_params=True, or use fully_shard",
                )
            )


def refuse_flat_shards(tree: ModuleTree) -> None:
    """Raise ``ModelError`` if the flat parameters of a ``FullyShardedDataParallel`` are a shard."""
    for wrapper in (*tree.around, *tree.modules):
        handle: Any = getattr(wrapper, "_handle", None) if wrapped_as(type(wrapper)) else None
        if handle is None or not handle.uses_sharded_strategy:
            continue
        flat = handle.flat_param
        if flat.numel() < flat._unpadded_unsharded_size.numel():
            inner = unwrap(wrapper)
            path = next((path for path, module in tree.walked if module is inner), "")
            raise ModelError(
                error_text(
                    module_at(path, type_name(inner)),
                    "FullyShardedDataParallel keeps only this rank's shard of its parameters",
                    "count the model before it is wrapped, or inside `with "
                    "FullyShardedDataParallel.summon_full_params(model):`, or use fully_shard",
                )
            )

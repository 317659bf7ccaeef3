"""DTensors in a count: what torch does about them besides the work of the model."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch.utils._pytree import tree_leaves

from .observer import Observer, observers_here
from .parts import pending
from .patches import patched

_MODULE = "torch.distributed.tensor._sharding_prop"
_FUNCTIONS = (
    ("LocalLRUCache", "__call__"),
    ("ShardingPropagator", "propagate_op_sharding_non_cached"),
    ("ShardingPropagator", "_propagate_tensor_meta_non_cached"),
)
"""The functions of torch that find out how the result of an op is placed, by class and name."""


@contextmanager
def placement_unseen() -> Iterator[None]:
    """For the block, do not record the ops with which torch plans an op on DTensors.

    To place the result, torch runs the op on fake tensors of the whole size, and perhaps the ops
    that it is made of.
    """
    module = sys.modules.get(_MODULE)
    with ExitStack() as undo:
        for owner, name in _FUNCTIONS if module is not None else ():
            cls = getattr(module, owner, None)
            if cls is not None and name in vars(cls):
                undo.enter_context(patched(cls, name, _unseen))
        yield


def _unseen(own: Callable[..., object]) -> Callable[..., object]:
    """The function ``own``, whose ops no observer of its thread records."""

    @functools.wraps(own)
    def unseen(*args: object, **kwargs: object) -> object:
        with pausing(observers_here()):
            return own(*args, **kwargs)

    return unseen


@contextmanager
def pausing(observers: Iterable[Observer]) -> Iterator[None]:
    """Record nothing that runs in the block."""
    held = list(observers)
    for each in held:
        each.paused += 1
    try:
        yield
    finally:
        for each in held:
            each.paused -= 1


def settle(out: object, observer: Observer) -> None:
    """Wait for the collectives whose results are a model's output.

    Nobody else will, since a count drops the output. torch keeps such a result until then.
    """
    waiting = pending()
    if waiting is None:
        return
    for leaf in tree_leaves(out):
        held: Any = getattr(leaf, "_local_tensor", leaf)
        if issubclass(type(held), waiting) and not held.is_meta:
            with pausing([observer]):
                held.wait()

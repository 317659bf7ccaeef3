"""Functions of torch that other ops make up, recorded as the code calls them.

``torch.matmul`` expands and folds its operands, and runs as ``mm`` or ``bmm``. Dropout in eval mode
runs no op. A jit trace shows such a function with the shapes that the code gave it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any

import torch

from ..rules.registry import Op
from .observer import Observer, observers_here
from .patches import Undo, replaced, shared
from .specs import op_described

Function = Callable[..., Any]

_MATMUL = torch.ops.aten.matmul.default
_DROPOUT = torch.ops.aten.dropout.default
_FUNCTIONS: tuple[tuple[type | ModuleType, str, Op], ...] = (
    (torch, "matmul", _MATMUL),
    (torch.linalg, "matmul", _MATMUL),
    (torch.Tensor, "matmul", _MATMUL),
    (torch.Tensor, "__matmul__", _MATMUL),
    (torch._VF, "einsum", torch.ops.aten.einsum.default),
    (torch._VF, "dropout", _DROPOUT),
    (torch, "dropout", _DROPOUT),
)
"""Where torch keeps a function, its name there, and the op that it is."""


def whole_calls_noted() -> AbstractContextManager[None]:
    """For the block, each count notes these calls, besides the ops that they run."""
    return shared("whole calls", _install)


def _install() -> Undo:
    undos = [replaced(owner, name, make) for owner, name, make in _changes()]

    def undo() -> None:
        for each in reversed(undos):
            each()

    return undo


@functools.cache
def _replacement(op: Op, own: Function) -> Function:
    @functools.wraps(own)
    def function(*args: Any, **kwargs: Any) -> Any:
        observer = _listening()
        if observer is None:
            return own(*args, **kwargs)
        before = op_described(args), {name: op_described(value) for name, value in kwargs.items()}
        observer.whole = "part"
        try:
            out = own(*args, **kwargs)
        finally:
            observer.whole = ""
        observer.note_whole(observer.calls.of_op(op, *before, op_described(out)), out)
        return out

    return function


def _changes() -> Iterator[tuple[type | ModuleType, str, Callable[[Function], Function]]]:
    for owner, name, op in _FUNCTIONS:
        yield owner, name, functools.partial(_replacement, op)


def _listening() -> Observer | None:
    """The count of this thread that notes ops. None inside another whole call."""
    for observer in reversed(observers_here()):
        if observer.listening():
            return None if observer.whole else observer
    return None

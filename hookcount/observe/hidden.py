"""Backward passes of functions of a user whose work no op shows, such as a kernel of Triton."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

from torch.autograd.function import BackwardCFunction

from ..core.opnames import AbsentOp
from ..core.trace import Call
from .observer import observers_here
from .patches import patched
from .specs import op_described, op_tensors, storage


def hidden_work_noted() -> AbstractContextManager[None]:
    """For the block, note each ``backward`` of a function that makes tensors without an op.

    It is noted as an op ``autograd::Name`` of the incoming gradients.
    """
    return patched(BackwardCFunction, "apply", _noting)


def _noting(own: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(own)
    def apply(self: Any, *grads: Any) -> Any:
        here = [each for each in observers_here() if each.step is not None and each.listening()]
        worked = [each.worked for each in here]
        out = own(self, *grads)
        for observer, before in zip(here, worked, strict=True):
            if observer.worked == before and _is_new(out, (*grads, *_saved(self))):
                observer.note(_call(type(self)._forward_cls, grads, out), False)
        return out

    return apply


def _saved(node: Any) -> Iterable[Any]:
    try:
        return node.saved_tensors  # type: ignore[no-any-return]
    except RuntimeError:  # they are freed
        return ()


def _is_new(out: Any, given: Iterable[Any]) -> bool:
    """Whether a tensor in ``out`` has memory of its own, and elements."""
    held = {storage(each) for each in op_tensors(given)}
    return any(storage(each) not in held and each.numel() for each in op_tensors((out,)))


def _call(function: type, grads: tuple[Any, ...], out: Any) -> Call:
    names = ["grad"] if len(grads) == 1 else [f"grad{place}" for place in range(len(grads))]
    name = f"autograd::{function.__name__}"
    schema = f"{name}({', '.join(f'Tensor? {each}' for each in names)}) -> Tensor"
    return Call(AbsentOp(name, schema, False), op_described(grads), {}, op_described(out))

"""Backward passes of functions of a user whose work no op shows, such as a kernel of Triton."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

from ..core.opnames import AbsentOp
from ..core.trace import Call
from .contained import op_tensors, storage
from .function_passes import around_each
from .observer import Observer, observers_here
from .specs import op_described


def hidden_work_noted() -> AbstractContextManager[None]:
    """For the block, note each ``backward`` of a function that makes tensors without an op.

    It is noted as an op ``autograd::Name`` of the incoming gradients.
    """
    return around_each(_noting)


def _noting(node: Any, gradients: tuple[Any, ...], run: Callable[[], Any]) -> Any:
    here = [each for each in observers_here() if each.step is not None and each.listening()]
    worked = [each.worked for each in here]
    try:
        out = run()
    except Exception as error:
        for each in here:
            if each.step is not None:
                each.step.failed(node, error)
        raise
    for observer, before in zip(here, worked, strict=True):
        given = (*gradients, *_saved(node))
        if _has_hidden_work(out, given, observer, observer.worked > before):
            observer.note(_call(type(node)._forward_cls, gradients, out), False)
    return out


def _saved(node: Any) -> Iterable[Any]:
    try:
        return node.saved_tensors  # type: ignore[no-any-return]
    except RuntimeError:  # they are freed
        return ()


def _has_hidden_work(out: Any, given: Iterable[Any], observer: Observer, worked: bool) -> bool:
    """Whether a tensor in ``out`` has memory of its own, and elements, and no seen op made it.

    If an op ``worked``, that may be unknown. Then the memory must be known to have no values yet.
    """
    held, origins = {storage(each) for each in op_tensors(given)}, observer.origins
    return any(
        storage(each) not in held
        and each.numel()
        and (origins.is_blank(each) or not (worked or origins.has_made(each)))
        for each in op_tensors((out,))
    )


def _call(function: type, grads: tuple[Any, ...], out: Any) -> Call:
    names = ["grad"] if len(grads) == 1 else [f"grad{place}" for place in range(len(grads))]
    name = f"autograd::{function.__name__}"
    schema = f"{name}({', '.join(f'Tensor? {each}' for each in names)}) -> Tensor"
    return Call(AbsentOp(name, schema, False), op_described(grads), {}, op_described(out))

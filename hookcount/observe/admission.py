"""Decides before a count whether it can run where it is, on the tensors that it was given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch.fx import _symbolic_trace as fx
from torch.utils import _pytree as pytree

from ..core.errors import InputError, error_text
from .company import modes_before_autograd
from .contained import has_values, tensors
from .meta_copies import laid_out_like
from .mistakes import refuse_wrappers
from .module_tree import ModuleTree

# torch 2.6 has the second function alone
_tracing: Callable[[], bool] = getattr(fx, "is_fx_symbolic_tracing", fx.is_fx_tracing)

Arguments = tuple[tuple[object, ...], Mapping[str, object]]
"""The positional and the keyword arguments of a forward."""


def check_surroundings() -> None:
    """Raise ``InputError`` where a count would see nothing of what runs."""
    if (
        _tracing()
        and torch._C._get_dispatch_mode(torch._C._TorchDispatchModeKey.PROXY) is None
        and not modes_before_autograd()
    ):
        raise InputError(
            error_text(
                "a count inside torch.fx.symbolic_trace",
                "the tracer replaces the calls of modules, so that nothing runs",
                "count outside of the traced function",
            )
        )
    if torch._C._dispatch_tls_is_dispatch_key_excluded("Python"):
        raise InputError(
            error_text(
                "a count inside torch._C._DisableTorchDispatch",
                "no op can be seen there",
                "count outside of that block",
            )
        )


def admitted(
    tree: ModuleTree, given: Arguments, transformed: bool, runs_for_real: bool
) -> Arguments:
    """The arguments for a count: ``given``, with tensors that a count can work on.

    If a transform of ``torch.func`` was active (``transformed``), a tensor may belong to it. A meta
    tensor of the same shape replaces an argument of this kind.

    Raises ``InputError`` if the count cannot run on these tensors, and ``ModelError`` for a wrapper
    that runs a whole prediction.
    """
    refuse_wrappers(tree.model)
    own = (*tree.parameters, *tree.buffers)
    if transformed:
        given = _untransformed(given, own, runs_for_real)
    for tensor in (*own, *tensors(given)):
        if tensor.layout is torch.jagged:
            continue  # its offsets are numbers
        if not has_values(tensor) and any(type(n) is not int for n in tensor.shape):
            raise InputError(
                error_text(
                    f"a tensor of shape {list(tensor.shape)}",
                    "its sizes are symbols, and a count needs numbers",
                    "give a tensor with numbers as sizes, on the device 'meta' for example",
                )
            )
    return given


def _untransformed(given: Arguments, own: Iterable[torch.Tensor], runs_for_real: bool) -> Arguments:
    """The arguments without tensors of a transform of ``torch.func``."""
    if runs_for_real and any(map(_is_wrapped, tensors(given))):
        raise InputError(
            error_text(
                "a count with run='real' inside a transform of torch.func",
                "the values of an argument belong to the transform",
                "count with run='shapes', or outside of the transform",
            )
        )
    found: Arguments = pytree.tree_map(_plain, given)
    if any(map(_is_wrapped, (*own, *tensors(found)))):
        raise InputError(
            error_text(
                "a count inside a transform of torch.func",
                "the transform holds a tensor of the model, or one inside an object",
                "count outside of the transform, for example on meta tensors",
            )
        )
    return found


def _is_wrapped(tensor: torch.Tensor) -> bool:
    return torch._C._functorch.is_functorch_wrapped_tensor(tensor)


def _plain(value: object) -> object:
    """A meta tensor for a tensor of a transform. Any other value stays."""
    if not isinstance(value, torch.Tensor) or not _is_wrapped(value):
        return value
    return laid_out_like(value)

"""Backward passes of a shapes-only run, in a forward that differentiates something.

Autograd refuses a gradient on meta for a tensor on another device, and the leaves are real
tensors. It takes any gradient that is of a subclass of tensors. So in a backward pass each result
is a ``Gradient``. A transform of ``torch.func`` wraps tensors. It gets meta tensors at its start.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from weakref import ref

import torch
from torch._functorch import eager_transforms
from torch._functorch.pyfunctorch import temporarily_pop_interpreter_stack
from torch.autograd import Variable
from torch.utils._pytree import tree_map_only

from ...core.errors import DataNeededError, error_text, module_at
from ...rules.registry import Op
from ..distributed import pausing
from ..function_passes import around_each
from ..patches import patched
from ..values import OpArgs, OpKwargs
from .here import shapes_observer

_functorch_level = torch._C._functorch.maybe_current_level


class Gradient(torch.Tensor):
    """A meta tensor that autograd takes as the gradient of a tensor on any device."""

    plain: torch.Tensor
    """The same tensor without the class."""
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Op, types: tuple[type, ...], args: OpArgs = (), kwargs: OpKwargs | None = None
    ) -> Any:
        """Run an op on the plain tensors."""
        return func(*plain(args), **plain(kwargs or {}))


def plain(value: Any) -> Any:
    """``value`` with the plain tensor in place of each ``Gradient``."""
    if isinstance(value, Gradient):
        return value.plain
    if type(value) in (list, tuple):
        return type(value)([plain(item) for item in value])
    if type(value) is dict:
        return {name: plain(item) for name, item in value.items()}
    return value


def as_gradient(value: Any) -> Any:
    """``value`` with a ``Gradient`` in place of each meta tensor, where autograd will check it."""
    node = torch._C._current_autograd_node()
    if node is not None and not node.next_functions:  # it keeps the gradient of a leaf
        return value
    if type(value) is torch.Tensor and value.is_meta and not value.requires_grad:
        made: Gradient = torch.Tensor._make_subclass(Gradient, value)
        made.plain = value
        return made
    if type(value) in (list, tuple):
        return type(value)([as_gradient(item) for item in value])
    return value


@contextmanager
def differentiable() -> Iterator[None]:
    """Let the forward of a shapes-only run in this block differentiate."""
    with ExitStack() as undo:
        undo.enter_context(patched(Variable, "_execution_engine", _Engine))
        undo.enter_context(around_each(_of_function))
        undo.enter_context(patched(eager_transforms, "_wrap_all_tensors", _wrapping))
        undo.enter_context(patched(eager_transforms, "lazy_dynamo_disallow", _tracing))
        yield


class _Engine:
    """The engine of autograd. In a shapes-only run its passes take meta tensors."""

    def __init__(self, own: Any) -> None:
        self._own = own

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def run_backward(self, outputs: Any, gradients: Any, *args: Any, **kwargs: Any) -> Any:
        """Run a backward pass from ``outputs``."""
        observer = shapes_observer()
        if observer is None or not any(each.is_meta for each in outputs):
            return self._own.run_backward(outputs, gradients, *args, **kwargs)
        before = observer.in_backward
        wraps = not any(map(_is_batched, gradients)) and (
            # in a training step the parameters are on meta, but no constant that requires grad, or
            # that has an activation written to it
            observer.step is None
            or observer.origins.wrote_data
            or observer.step.custom
            or any(not each.is_meta for each in observer.step.leaves)
        )
        with pausing([observer]):
            given = [
                _moved(gradient) if output.is_meta else gradient
                for output, gradient in zip(outputs, gradients, strict=True)
            ]
            if wraps:
                given = [as_gradient(each) for each in given]
        observer.differentiates, observer.in_backward = observer.differentiates or wraps, wraps
        try:
            found = self._own.run_backward(outputs, tuple(given), *args, **kwargs)
        finally:
            observer.in_backward = before
        if found is None:
            return None
        with pausing([observer]):
            usual = tuple(map(_usual, found))
        for each in usual:
            if each is not None:
                observer.origins.known[id(each)] = ref(each)
        return usual


def _of_function(node: Any, gradients: tuple[Any, ...], run: Callable[[], Any]) -> Any:
    """The backward pass of a custom Function may return a gradient that no op made here."""
    found = run()
    observer = shapes_observer()
    return found if observer is None or not observer.in_backward else as_gradient(found)


def _wrapping(own: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(own)
    def wrapping(given: Any, level: Any) -> Any:
        observer = shapes_observer()
        if observer is not None:
            with pausing([observer]), temporarily_pop_interpreter_stack():
                given = tree_map_only(torch.Tensor, _moved, given)
        return own(given, level)

    return wrapping


def _tracing(own: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(own)
    def lazy_dynamo_disallow(function: Any) -> Any:
        """``linearize`` passes the functions with which it traces through this one."""
        observer = shapes_observer()
        if observer is None:
            return own(function)
        raise DataNeededError(
            error_text(
                module_at(*observer.here()),
                "torch.func.linearize computes what does not depend on the tangents; a "
                "shapes-only run has no values of data",
                "count a real model on real inputs (run='auto' then runs it for real), or call "
                "torch.func.jvp instead",
            )
        )

    return lazy_dynamo_disallow


def _is_batched(tensor: torch.Tensor | None) -> bool:
    """Whether a gradient belongs to a transform, which wraps it."""
    return tensor is not None and (
        _functorch_level() is not None or torch._C._functorch.is_legacy_batchedtensor(tensor)
    )


def _moved(tensor: torch.Tensor | None) -> torch.Tensor | None:
    """A tensor on meta, with the derivative of a copy."""
    if tensor is None or tensor.is_meta or not (tensor.is_floating_point() or tensor.is_complex()):
        return tensor
    return tensor.to("meta")


def _usual(tensor: torch.Tensor | None) -> torch.Tensor | None:
    """A tensor for the caller, with its derivative."""
    if not isinstance(tensor, Gradient):
        return tensor
    return tensor.view_as(tensor) if tensor.requires_grad else tensor.plain

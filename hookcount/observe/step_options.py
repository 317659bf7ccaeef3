"""The loss and the optimizer of a training step: which ones are refused, and their names in errors.

``Training`` calls the loss with the output of the model, and makes the optimizer of the list of
parameters that require grad.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from ..core.errors import InputError, error_text
from .step_parts import StepPart

_LOSS = "Training(loss=...)"
_OPTIMIZER = "Training(optimizer=...)"
_A_LOSS = "give a function of the output, such as lambda out: F.mse_loss(out, target)"
_AN_OPTIMIZER = "torch.optim.AdamW or lambda params: torch.optim.SGD(params, lr=0.1)"


def check_loss(loss: object) -> None:
    """Raise ``InputError`` for a loss that cannot be called with an output and nothing else."""
    if loss is None:
        return
    what = ""
    if not callable(loss):
        what = f"{_shown(loss)} cannot be called"
    elif isinstance(loss, type):
        what = f"{loss.__name__} is a class, which makes no loss of an output"
    elif (needs := _needs(loss)) is not None:
        what = f"the loss gets the output of the model alone, but {_name(loss)} takes {needs}"
    if what:
        raise InputError(error_text(_LOSS, what, _A_LOSS))


def check_optimizer(make: object) -> None:
    """Raise ``InputError`` for what makes no optimizer of a list of parameters."""
    if make is None:
        return
    what, fix = "", f"give a class or a function of the parameters, such as {_AN_OPTIMIZER}"
    if isinstance(make, torch.optim.Optimizer):
        what = f"this is an optimizer of type {type(make).__name__}, not its class"
    elif not callable(make):
        what = f"{_shown(make)} cannot be called"
    elif (needs := _needs(make)) is not None:
        what = f"it gets the list of parameters alone, but {_name(make)} takes {needs}"
        fix = "give a function that has the rest, such as lambda params: Mine(params, lr=0.1)"
    if what:
        raise InputError(error_text(_OPTIMIZER, what, fix))


def check_made(optimizer: object, trained: Sequence[torch.Tensor]) -> None:
    """Raise ``InputError`` for what cannot take a step with the parameters that it was given.

    In a count these are not the model's own, so an optimizer that was made before has others.
    """
    what = fix = ""
    groups = getattr(optimizer, "param_groups", ())
    given = set(map(id, trained))
    if not callable(getattr(optimizer, "step", None)):
        what = f"it returned {type(optimizer).__name__}, which has no method step"
        fix = f"return an optimizer, or give a class, such as {_AN_OPTIMIZER}"
    elif any(id(each) not in given for group in groups for each in group["params"]):
        what = "it updates tensors that are not in the list of parameters which it was given"
        fix = (
            "make it of that list: optimizer=lambda params: torch.optim.SGD(params, lr=0.1); "
            "Training().watch counts a loop with an optimizer of its own"
        )
    elif any(group.get("differentiable") for group in groups):
        what = "with differentiable=True torch refuses to update the parameters of a model"
        fix = "leave the option out; Training().watch counts a loop that updates other tensors"
    if what:
        raise InputError(error_text(_OPTIMIZER, what, fix))


def checked_loss(loss: object) -> torch.Tensor:
    """What a loss returned. Raises ``InputError`` if no backward pass can begin there."""
    if (
        isinstance(loss, torch.Tensor)
        and loss.numel() == 1
        and loss.requires_grad
        and not loss.is_complex()
    ):
        return loss
    fix = "return a tensor of one element that depends on a parameter that requires grad"
    raise InputError(error_text(_LOSS, f"the loss is {_described(loss)}", fix))


def losing(out: object) -> StepPart:
    """The part in which the loss is computed of an output."""
    return StepPart(
        f"the loss given as {_LOSS}",
        "give a loss that reads no values, such as lambda out: F.mse_loss(out, target)",
        ", so this loss cannot be computed on shapes or with a model on meta",
        f"; the loss got the output of the model, {_described(out)}",
    )


def making(make: Callable[..., object]) -> StepPart:
    """The part in which the optimizer is made."""
    return StepPart(
        f"the construction of the optimizer, Training(optimizer={_name(make)})",
        *_OF_OPTIMIZER,
        "; it got the list of all parameters that require grad, of which a function may choose: "
        "optimizer=lambda params: ...",
    )


def updating(optimizer: object) -> StepPart:
    """The part in which the optimizer makes its step."""
    return StepPart(f"the step of the optimizer {type(optimizer).__name__}", *_OF_OPTIMIZER)


_OF_OPTIMIZER = (
    "choose an optimizer that reads no values, such as torch.optim.AdamW",
    ", so this optimizer cannot be counted on shapes or with a model on meta",
)


def _needs(function: Any) -> str | None:
    """The parameters that a function needs, if one argument is not what it needs; else None."""
    called = function.forward if isinstance(function, nn.Module) else function
    try:
        signature = inspect.signature(called)
    except (TypeError, ValueError):  # a function in C
        return None
    try:
        signature.bind(None)
    except TypeError:
        empty, several = (
            inspect.Parameter.empty,
            (
                inspect.Parameter.VAR_POSITIONAL,
                inspect.Parameter.VAR_KEYWORD,
            ),
        )
        needed = [
            name
            for name, each in signature.parameters.items()
            if each.default is empty and each.kind not in several
        ]
        return " and ".join(needed) or "no argument"
    return None


def _name(function: Any) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def _shown(value: object) -> str:
    return f"{value!r:.60}"


def _described(value: object) -> str:
    if not isinstance(value, torch.Tensor):
        return f"an object of type {type(value).__name__}"
    grad = "" if value.requires_grad else ", and requires no grad"
    kind = "a complex tensor" if value.is_complex() else "a tensor"
    return f"{kind} of shape {tuple(value.shape)}{grad}"

"""``Training`` counts a training step: forward, backward pass and optimizer, module by module."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, TypeAlias

import torch
from torch import nn

from .core.errors import InputError, error_text
from .core.integers import as_int
from .counter import Counter, Watch, check_counter, warn_uncounted
from .dataset.over import Inputs
from .dataset.report import DataSetReport
from .observe.autograd import Step
from .observe.compiler import uncompiled
from .observe.exported import Model
from .observe.specs import tensors
from .observe.wrapped import refuse_flat_parameters
from .report import Report

Loss: TypeAlias = Callable[[Any], torch.Tensor]
"""Makes a loss, a tensor of one element, of the output of a model."""
MakesOptimizer: TypeAlias = Callable[[list[nn.Parameter]], Any]
"""Makes an optimizer of parameters: a class, or a function."""


class Training:
    """Counts steps of a training: forward, backward pass and optimizer.

    ``loss``: a function of the model's output. The default is the sum of all floating-point tensors
    in the output that require grad. Its own work is not counted. ``optimizer``: a class of
    ``torch.optim``, or a function of the list of parameters that makes an optimizer. Its second
    step is counted, since the first one sets up its state. ``steps``: how many forwards and
    backward passes come before the optimizer's step. Their gradients are added up.

    ``counter``: the formulas and the kind of the run.

    Raises ``InputError`` for an option of another type.
    """

    def __init__(
        self,
        loss: Loss | None = None,
        optimizer: MakesOptimizer | None = None,
        steps: int = 1,
        counter: Counter | None = None,
    ) -> None:
        given: dict[str, object] = {"loss": loss, "optimizer": optimizer}
        for name, value in given.items():
            if value is not None and (what := _wrong(name, value)):
                fix = f"give a function, such as {_EXAMPLES[name]}"
                raise InputError(error_text(f"Training({name}=...)", what, fix))
        steps = as_int(steps)
        if type(steps) is not int or steps < 1:
            what = "this is no number of steps"
            raise InputError(error_text(f"Training(steps={steps!r})", what, "give an int from 1"))
        check_counter(counter, "Training(counter=...)")
        self.loss = loss
        self.optimizer = optimizer
        self.steps = steps
        self._counter = Counter.of(
            replace((counter or Counter()).runner, trains=True, act=self._act)
        )

    @uncompiled
    def count(self, model: Model, /, *args: object, **kwargs: object) -> Report:
        """Count a training step of ``model(*args, **kwargs)``.

        The figures of the report are those of the forward. ``report.backward``, ``.recompute``,
        ``.optimizer`` and ``.step`` have the others. Afterwards the model is bit for bit as before,
        without new gradients. Raises the errors of ``hookcount.count``. Raises ``InputError`` if no
        loss can be made.
        """
        report = self._counter.reported(model, args, kwargs)
        warn_uncounted(report.step, stacklevel=4)
        return report

    @uncompiled
    def over(
        self,
        model: Model,
        batches: Iterable[object],
        *,
        n: int | None = None,
        inputs: Inputs | None = None,
    ) -> DataSetReport:
        """Count a training step for each item of a data set, as ``hookcount.over`` does a forward.

        The figures of the result are those of the forwards. ``result.step``, ``.backward``,
        ``.recompute`` and ``.optimizer`` have the others. Each item is a step of its own. Raises
        the errors of ``hookcount.over``.
        """
        found = self._counter.reported_over(model, batches, n, inputs)
        warn_uncounted(found.step, stacklevel=4)
        return found

    @uncompiled
    def watch(self, model: nn.Module) -> AbstractContextManager[Watch]:
        """Count all that runs in a ``with`` block of a training loop.

        The block runs for real, and its effects stay: the training goes on as without the watch.
        The loss and the optimizer are those of the block. Its work outside of all modules is at the
        path ``<outside>``: that of the loss is forward. Raises ``ModelError`` as
        ``hookcount.count`` does.
        """
        return self._counter.watch(model)

    def _act(self, model: nn.Module, forward: Callable[[], object], step: Step) -> None:
        """What a run does: ``steps`` passes and a step of the optimizer."""

        def one_pass() -> torch.Tensor:
            loss = self._loss_of(forward(), step)
            torch.autograd.backward(loss)
            return loss

        for _ in range(self.steps):
            one_pass()
        if self.optimizer is not None:
            trained = [each for each in model.parameters() if each.requires_grad]
            if not trained:
                what, fix = "no parameter of the model requires grad", "leave the optimizer out"
                raise InputError(error_text("Training(optimizer=...)", what, fix))
            refuse_flat_parameters(model)
            step.left_out = True
            optimizer: Any = self.optimizer(trained)
            _check_optimizer(optimizer)
            takes_closure = _takes_closure(optimizer)
            if not takes_closure:
                optimizer.step()
            step.left_out = False
            if not isinstance(optimizer, torch.optim.Optimizer):  # torch tells of its own
                step.updates.begin(optimizer)
            optimizer.step(*([one_pass] if takes_closure else []))
            step.updates.end(optimizer)

    def _loss_of(self, out: object, step: Step) -> torch.Tensor:
        if self.loss is None:
            step.left_out = True
            try:
                return _sum(out)
            finally:
                step.left_out = False
        loss = self.loss(out)
        if (
            not isinstance(loss, torch.Tensor)
            or loss.numel() != 1
            or not loss.requires_grad
            or loss.is_complex()
        ):
            what = f"the loss is {_described(loss)}"
            fix = "return a tensor of one element that depends on a parameter that requires grad"
            raise InputError(error_text("Training(loss=...)", what, fix))
        return loss


def _check_optimizer(optimizer: Any) -> None:
    """Raise ``InputError`` for what a step cannot be taken with."""
    what = fix = ""
    if not callable(getattr(optimizer, "step", None)):
        what = f"it returned {type(optimizer).__name__}, which has no method step"
        fix = f"return an optimizer, or give a class, such as {_EXAMPLES['optimizer']}"
    elif any(group.get("differentiable") for group in getattr(optimizer, "param_groups", ())):
        what = "with differentiable=True torch refuses to update the parameters of a model"
        fix = "leave the option out; Training().watch counts a loop that updates other tensors"
    if what:
        raise InputError(error_text("Training(optimizer=...)", what, fix))


def _takes_closure(optimizer: Any) -> bool:
    """Whether the step of an optimizer needs a function that computes the loss again (LBFGS)."""
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    return closure is not None and closure.default is inspect.Parameter.empty


def _described(value: object) -> str:
    if not isinstance(value, torch.Tensor):
        return f"of type {type(value).__name__}"
    grad = "" if value.requires_grad else ", and requires no grad"
    kind = "a complex tensor" if value.is_complex() else "a tensor"
    return f"{kind} of shape {tuple(value.shape)}{grad}"


def _wrong(name: str, value: object) -> str:
    """Why a value is no loss or makes no optimizer; empty if it may be one."""
    if isinstance(value, torch.optim.Optimizer):
        return f"this is an optimizer of type {type(value).__name__}, not its class"
    if not callable(value):
        return f"{value!r} cannot be called"
    if name == "loss" and isinstance(value, type):
        return f"{value.__name__} is a class, which makes no loss of an output"
    return ""


_EXAMPLES = {"loss": "lambda out: out.mean()", "optimizer": "torch.optim.AdamW"}


def _sum(out: object) -> torch.Tensor:
    """The sum of the floating-point tensors in an output that require grad."""
    found = [
        (torch.view_as_real(each) if each.is_complex() else each).sum()
        for each in tensors((out,))
        if each.requires_grad
    ]
    if not found and not torch.is_grad_enabled():
        what = "gradients are off"
        fix = "call it outside of torch.no_grad() and torch.inference_mode()"
        raise InputError(error_text("Training.count", what, fix))
    if not found:
        what = "no floating-point tensor in the output requires grad"
        fix = "give loss=..., a function of the output; a frozen model has no backward pass"
        raise InputError(error_text("Training.count", what, fix))
    total = found[0]
    for each in found[1:]:
        total = total + each
    return total

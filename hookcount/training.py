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
from .observe.contained import tensors
from .observe.exported import Model
from .observe.step_options import (
    check_loss,
    check_made,
    check_optimizer,
    checked_loss,
    losing,
    making,
    updating,
)
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
        check_loss(loss)
        check_optimizer(optimizer)
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

    def __getstate__(self) -> dict[str, Any]:
        """The options, to copy or pickle."""
        counter = Counter(self._counter.registry, self._counter.run)
        own = {"loss": self.loss, "optimizer": self.optimizer, "steps": self.steps}
        return {**own, "counter": counter}

    def __setstate__(self, state: dict[str, Any]) -> None:
        made = Training(**state)
        vars(self).update(vars(made))
        self._counter = made._counter

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
            with step.parts.running(making(self.optimizer)):
                optimizer: Any = self.optimizer(trained)
            check_made(optimizer, trained)
            with step.parts.running(updating(optimizer)):
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
        with step.parts.running(losing(out)):
            loss = self.loss(out)
        return checked_loss(loss)


def _takes_closure(optimizer: Any) -> bool:
    """Whether the step of an optimizer needs a function that computes the loss again (LBFGS)."""
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    return closure is not None and closure.default is inspect.Parameter.empty


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

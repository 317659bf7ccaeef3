"""The work of a forward, or of a forward and its backward pass, for a ``Meter``."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from torch import nn

from ..core.errors import HookcountError, InputError, UncountedWarning, error_text, failure, said
from ..counter import Counter, check_counter
from ..dataset.counts import Args, Counts, Kwargs
from ..observe.contained import tensors
from ..pricing.price import Phases
from ..report import Report
from ..training import Training

STEP_OF_TRAINING = 3
"""Forwards that a step of training is taken for where it cannot be counted."""
_MODEL: Phases = frozenset(("forward", "backward"))
"""The phases of a step whose work is the model's."""


@dataclass(frozen=True)
class Work:
    """The work of one forward, with its backward pass if there is one."""

    macs: int
    flops: int
    recomputed_macs: int = 0
    """MACs of what a backward pass computed again."""
    estimated: bool = False
    """Whether the backward pass is an estimate."""


class Works:
    """Counts the forwards of a model, and the steps of its training. Each distinct input once."""

    def __init__(
        self, model: nn.Module, training: bool | Training | None, counter: Counter | None
    ) -> None:
        _check(training, counter)
        self._model = model
        self._counter = Counter() if counter is None else counter
        self._trains = training
        self._is_given = isinstance(training, Training)
        self._training = (
            training if isinstance(training, Training) else Training(counter=self._counter)
        )
        self._forwards = Counts(model, self._forward)
        self._steps = Counts(model, self._step)
        self.why_estimated = ""

    def of(self, args: Args, kwargs: Kwargs) -> Work:
        """The work of a forward on these arguments. Raises what a count raises."""
        if not self._is_trained(args, kwargs):
            report = self._forwards.of(args, kwargs)
            return Work(report.macs, report.flops)
        with torch.inference_mode(False), torch.enable_grad():
            report = self._steps.of(args, kwargs)
        step = report.priced.step_totals
        if step is not None:
            again = step.fused_recompute_macs
            model = report.priced.within(_MODEL)
            return Work(model.macs - again, model.flops - 2 * again, step.recompute_macs + again)
        macs, flops = (STEP_OF_TRAINING * each for each in (report.macs, report.flops))
        return Work(macs, flops, estimated=True)

    def _is_trained(self, args: Args, kwargs: Kwargs) -> bool:
        """Whether a backward pass follows a forward."""
        parameters = any(each.requires_grad for each in self._model.parameters())
        if self._trains is None:
            return torch.is_grad_enabled() and self._model.training and parameters
        # a frozen model whose input requires no grad has no backward pass
        return bool(self._trains) and (
            parameters or any(each.requires_grad for each in tensors((args, kwargs)))
        )

    def _forward(self, args: Args, kwargs: Kwargs) -> Report:
        return self._counter.count(self._model, *args, **kwargs)

    def _step(self, args: Args, kwargs: Kwargs) -> Report:
        """The count of a training step. That of a forward if a step cannot be counted."""
        try:
            return self._training.count(self._model, *args, **kwargs)
        except Exception as error:
            if self._is_given:
                raise
            report = self._forward(args, kwargs)  # raises the model's own error
            self._estimate(error)
            return report

    def _estimate(self, error: Exception) -> None:
        """Say why a step of training is an estimate: once in a warning."""
        told = bool(self.why_estimated)
        self.why_estimated = failure(error) if isinstance(error, HookcountError) else said(error)
        if not told:
            what = f"its step of training is estimated as forward x {STEP_OF_TRAINING}, since "
            fix = "give training=hookcount.Training(loss=...), with a function of the output"
            text = error_text(type(self._model).__name__, f"{what}{self.why_estimated}", fix)
            warnings.warn(UncountedWarning(text), stacklevel=2)


def _check(training: object, counter: object) -> None:
    """Raise ``InputError`` for an option of another type."""
    check_counter(counter, "Meter(counter=...)", "; a hookcount.Training goes to training=")
    if not (isinstance(training, Training) or str(training) in ("None", "True", "False")):
        what = "this is neither a bool nor a hookcount.Training"
        fix = "give True, False, None or a hookcount.Training(...)"
        raise InputError(error_text(f"Meter(training={training!r})", what, fix))

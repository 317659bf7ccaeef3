"""``--training``: a training step in place of a forward. Its options, its count, its phases."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from ..core.errors import HookcountError, InputError, error_text, failure, near, said
from ..counter import Counter
from ..models import Built
from ..models.code import load
from ..pricing.price import BACKWARD, FORWARD, OPTIMIZER, RECOMPUTE, STEP, Phases
from ..report import Report
from ..training import MakesOptimizer, Training
from .options import UsageError, whole
from .parsing import TRAINING, Parser

PHASES: dict[str, Phases] = {
    "step": STEP,
    "forward": FORWARD,
    "backward": BACKWARD,
    "recompute": RECOMPUTE,
    "optimizer": OPTIMIZER,
}
"""What the figures may be of: the whole step, or a part of it."""
OPTIMIZERS = {
    name.lower(): each
    for name, each in vars(torch.optim).items()
    if isinstance(each, type)
    and issubclass(each, torch.optim.Optimizer)
    and each is not torch.optim.Optimizer
}
"""The optimizers of torch, by their names in lower case."""


def add_training(to: Parser) -> None:
    """Add the options of a training step, to be read by ``training_of``."""
    group = to.group(TRAINING)
    group.add_argument(
        "--training",
        action="store_true",
        help="count a step of training: forward, backward pass and optimizer. The model is in "
        "train mode, so that dropout and batch norm work as in training. The loss is the sum of "
        "the outputs and costs nothing",
    )
    group.add_argument(
        "--optimizer",
        metavar="NAME",
        help="the optimizer, such as sgd, adam, adamw or muon: a class of torch.optim, or "
        "package.module:Class or file.py:Class. Default: none, so that no update is counted",
    )
    group.add_argument(
        "--steps",
        type=whole(1),
        metavar="N",
        help="N forwards and backward passes, whose gradients are added up, before the optimizer",
    )
    group.add_argument(
        "--phase",
        choices=tuple(PHASES),
        help="the part of the step that rows, totals and limits are of (default: step, the whole)",
    )


def training_of(options: argparse.Namespace, counter: Counter) -> Training | None:
    """What counts the training step that the options ask for. None without ``--training``.

    Raises ``UsageError`` for options that need ``--training``, and for an unknown optimizer.
    """
    if not options.training:
        for name in ("optimizer", "steps", "phase"):
            if getattr(options, name) is not None:
                what = "this is an option of a training step"
                raise UsageError(error_text(f"--{name}", what, "add --training"))
        return None
    optimizer = None if options.optimizer is None else _optimizer(options.optimizer)
    return Training(optimizer=optimizer, steps=options.steps or 1, counter=counter)


def count_step(built: Built, training: Training) -> Report:
    """Count a training step of a model, which is in train mode from now on.

    Raises ``HookcountError`` for a detector, and where no loss can be made.
    """
    if built.takes_list:
        what = "in train mode a detector needs targets, and an option cannot give them"
        fix = (
            "write a module whose forward makes the targets and calls the detector, and give it "
            "as file.py:Class; or call hookcount.Training().count(model.train(), images, targets)"
        )
        raise HookcountError(error_text(built.name, what, fix))
    with contextlib.suppress(NotImplementedError):  # a program of torch.export has no modes
        built.model.train()
    try:
        return training.count(built.model, *(built.args or ()), **built.kwargs)
    except InputError as error:
        if all(not each.requires_grad for each in built.model.parameters()):
            what = "no parameter of it requires grad, so that it has no backward pass"
            fix = "omit --training, or let the factory unfreeze what is trained"
        else:
            what = failure(error)
            fix = "give a factory of a module whose forward returns its loss"
        raise HookcountError(error_text(built.name, what, fix)) from error


def phases_of(options: argparse.Namespace) -> Phases:
    """The parts of a training step that the figures are of. Without ``--training``: the forward."""
    return PHASES[options.phase or "step"] if options.training else FORWARD


def phase_of(report: Report, options: argparse.Namespace) -> Report:
    """The report of ``--phase``. Without ``--training`` it is the report."""
    if not options.training or options.phase == "forward":
        return report
    found = getattr(report, options.phase or "step")
    assert isinstance(found, Report)
    return found


def _optimizer(name: str) -> MakesOptimizer:
    known: Iterable[str] = OPTIMIZERS
    if ":" in name:
        found = load(name, "an optimizer")
        if callable(found):
            return _guarded(name, found)
        what = f"an object of type {type(found).__name__} makes no optimizer"
    else:
        if name.lower() in OPTIMIZERS:
            return _guarded(name, OPTIMIZERS[name.lower()])
        what, known = f"torch.optim has no {name!r}", near(name, OPTIMIZERS) or OPTIMIZERS
    fix = f"use one of {', '.join(known)}, or file.py:Class"
    raise UsageError(error_text(f"--optimizer {name}", what, fix))


def _guarded(name: str, make: MakesOptimizer) -> MakesOptimizer:
    """``make`` with errors that name the option."""

    def made(parameters: list[nn.Parameter]) -> Any:
        fix = "give file.py:make, a function of the list of parameters that makes an optimizer"
        try:
            found = make(parameters)
        except Exception as error:
            raise HookcountError(error_text(f"--optimizer {name}", said(error), fix)) from error
        if not callable(getattr(found, "step", None)):
            what = f"it makes an object of type {type(found).__name__}, which has no step"
            raise HookcountError(error_text(f"--optimizer {name}", what, fix))
        return found

    return made

"""``Meter``: FLOP/s and MFU of a loop, step by step and over all steps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Real
from typing import NamedTuple

import torch
from torch import nn

from ..core.errors import InputError, error_text
from ..core.units import duration, quantity
from ..counter import Counter
from ..dataset.counts import Args, Counts, Kwargs
from ..dataset.over import Inputs, arguments_of
from ..observe.autocast_seen import autocast_seen
from ..observe.clocks import clock_of, now
from ..observe.exported import program_module
from ..observe.model import checked
from .device import Device
from .peaks import HasPeak, dtype_of, held_of, peak_of

STEP_OF_TRAINING = 3
"""Forwards whose work a step of training is taken for: a backward pass counts as two."""


@dataclass(frozen=True)
class Metered:
    """The work and the time of one step, or of several steps."""

    seconds: float
    macs: int
    flops: int
    estimated: bool = False
    """Whether a backward pass is in the figures, as an estimate: forward x 3."""
    peak_flops: float | None = None
    """The FLOPs of the device's dense peak in these seconds. None if there is no peak."""
    steps: int = 1

    @property
    def flops_per_second(self) -> float:
        """FLOPs over seconds."""
        return self.flops / self.seconds

    @property
    def macs_per_second(self) -> float:
        """MACs over seconds."""
        return self.macs / self.seconds

    @property
    def mfu(self) -> float | None:
        """Model FLOPs utilisation: the used part of the device's dense peak, 1 for all of it.

        It has two FLOPs per MAC and no other operation. None if there is no peak.
        """
        return None if not self.peak_flops else 2 * self.macs / self.peak_flops

    def __add__(self, other: Metered) -> Metered:
        peaks = (self.peak_flops, other.peak_flops)
        return Metered(
            self.seconds + other.seconds,
            self.macs + other.macs,
            self.flops + other.flops,
            self.estimated or other.estimated,
            None if None in peaks else sum(each for each in peaks if each is not None),
            self.steps + other.steps,
        )

    def __str__(self) -> str:
        parts = [duration(self.seconds), quantity(self.flops_per_second, "FLOP/s")]
        if self.steps != 1:
            parts = [f"{self.steps} steps", *parts]
        if self.mfu is not None:
            parts.append(f"MFU {100 * self.mfu:.1f} %")
        if self.estimated:
            parts.append("estimated as forward x 3")
        return ", ".join(parts)


class _Work(NamedTuple):
    """The work of one forward, with a backward pass if there is one."""

    macs: int
    flops: int
    estimated: bool


class Meter:
    """Meters the steps of a loop: FLOP/s, and MFU if the device has a known peak.

    Each distinct input is counted once, as in ``hookcount.over``. The count is not in the seconds.

    ``device``: the name of a row of ``hookcount.devices()``, a ``Device``, or an object whose
    ``peak(dtype)`` gives FLOP/s. By default it is the row of the model's device. If that is not
    listed, ``mfu`` is None. ``dtype``: by default that of autocast, or of most parameters.
    ``inputs``: makes of a batch what the forward takes: ``lambda batch: batch[0]``.

    ``training``: whether a step runs a backward pass too. By default it does if the model is in
    train mode and records gradients. Its work is then an estimate, forward x 3, and the result says
    so.

    Raises ``InputError`` for an unknown device or a bad option, and ``ModelError`` as ``count``
    does.

    >>> meter = Meter(nn.Linear(8, 4), device="H100 SXM")
    >>> meter.update(2.0, torch.zeros(2, 8)).flops     # 3 x (2 x 64 and 8 adds of the bias)
    408
    """

    def __init__(
        self,
        model: nn.Module,
        device: str | HasPeak | None = None,
        dtype: torch.dtype | str | None = None,
        *,
        inputs: Inputs | None = None,
        training: bool | None = None,
        counter: Counter | None = None,
    ) -> None:
        tree = checked(program_module(model))
        called = tree.model
        chosen = Counter() if counter is None else counter
        if not callable(getattr(chosen, "count", None)):
            what = f"counter is of type {type(counter).__name__}"
            raise InputError(error_text("Meter", what, "give a hookcount.Counter"))
        if str(training) not in ("None", "True", "False"):
            what = f"training is {training!r}"
            raise InputError(error_text("Meter", what, "give True, False or None"))
        self._model = called
        self._tensors = (*tree.parameters, *tree.buffers)
        self._device = _here(self._tensors) if device is None else held_of(device, "Meter")
        self._must_know_peak = device is not None
        self._dtype = dtype
        self._inputs = inputs
        self._training = training
        self._counts = Counts(called, lambda args, kwargs: chosen.count(called, *args, **kwargs))
        self.last: Metered | None = None
        """The last step. None before the first one."""
        self.total: Metered | None = None
        """All steps together. None before the first one."""

    @property
    def device(self) -> HasPeak | None:
        """The device whose peak is used. None if there is none."""
        return self._device

    @contextmanager
    def step(self, batch: object) -> Iterator[None]:
        """Meter the block as one step on ``batch``: a tensor, a tuple or a dict of arguments.

        The block runs the model. On an accelerator the meter waits for it before and after the
        block. A block that raises is no step.

        Raises what ``count`` raises before the block begins, and ``InputError`` for a batch that is
        no input.
        """
        args, kwargs = arguments_of(batch, self._inputs, "Meter.step(batch)")
        self._peak_flops(0)  # an unknown peak raises here, before the block
        work = self._work(args, kwargs)
        self.settle()
        began = now()
        with autocast_seen() as seen:
            yield
        self.settle()
        self._add((now() - began) / 1e9, [work], seen.dtype)

    def settle(self) -> None:
        """Wait until the model's accelerator has done all work that was begun."""
        clock_of(self._tensors).settle()

    def update(self, seconds: float, /, *args: object, **kwargs: object) -> Metered:
        """Add a step of so many seconds, in which the model ran once, on these arguments.

        Raises ``InputError`` if ``seconds`` is no positive number, and what ``count`` raises.
        """
        return self.record(seconds, [(args, kwargs)])

    def record(
        self,
        seconds: float,
        forwards: Iterable[tuple[Args, Kwargs]],
        dtype: torch.dtype | None = None,
    ) -> Metered:
        """Add a step in which the model ran several times, on arguments and keyword arguments.

        An optimizer's step over several batches is one step. ``dtype``: that of the autocast in
        which the model ran, if there was one. Raises as ``update`` does.
        """
        if not _is_duration(seconds):
            what = f"seconds is {seconds!r}"
            raise InputError(error_text("Meter", what, "give a positive number of seconds"))
        works = [self._work(*_pair(each)) for each in forwards]
        return self._add(float(seconds), works, dtype)

    def _work(self, args: Args, kwargs: Kwargs) -> _Work:
        """The work of one forward, and of its backward pass."""
        training = self._training
        if training is None:
            training = torch.is_grad_enabled() and _trains(self._model)
        times = STEP_OF_TRAINING if training else 1
        report = self._counts.of(args, kwargs)
        return _Work(times * report.macs, times * report.flops, training)

    def _add(self, seconds: float, works: Sequence[_Work], dtype: torch.dtype | None) -> Metered:
        step = Metered(
            seconds,
            sum(each.macs for each in works),
            sum(each.flops for each in works),
            any(each.estimated for each in works),
            self._peak_flops(seconds, dtype),
        )
        self.last = step
        self.total = step if self.total is None else self.total + step
        return step

    def _peak_flops(self, seconds: float, seen: torch.dtype | None = None) -> float | None:
        if self._device is None:
            return None
        kind = next((each.device.type for each in self._tensors), "cpu")
        dtype = self._dtype or seen or dtype_of(kind, self._tensors)
        try:
            return seconds * peak_of(self._device, dtype, "Meter")
        except InputError:
            if self._must_know_peak:
                raise
            return None

    def __str__(self) -> str:
        return "no step yet" if self.total is None else str(self.total)

    def __repr__(self) -> str:
        return f"<hookcount.Meter {self}>"


def _is_duration(seconds: object) -> bool:
    if type(seconds) is bool or not isinstance(seconds, Real):
        return False
    try:
        return 0 < float(seconds) < math.inf
    except OverflowError:
        return False


def _pair(forward: object) -> tuple[Args, Kwargs]:
    """The arguments of one forward. Raises ``InputError`` for anything but a pair."""
    if isinstance(forward, tuple) and len(forward) == 2:
        args, kwargs = forward
        if isinstance(args, tuple) and isinstance(kwargs, dict):
            return args, kwargs
    what = f"a forward is of type {type(forward).__name__}"
    fix = "give pairs of a tuple of arguments and a dict of keyword arguments"
    raise InputError(error_text("Meter.record", what, fix))


def _here(tensors: Iterable[torch.Tensor]) -> HasPeak | None:
    """The row of the device of the tensors. None if it is not listed."""
    device = next((each.device for each in tensors), torch.device("cpu"))
    try:
        return Device.of(device)
    except InputError:
        return None


def _trains(model: nn.Module) -> bool:
    return model.training and any(each.requires_grad for each in model.parameters())

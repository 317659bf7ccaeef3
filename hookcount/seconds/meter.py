"""``Meter``: FLOP/s and MFU of a loop, step by step and over all steps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Real

import torch
from torch import nn

from ..core.errors import InputError, error_text
from ..core.units import duration, quantity
from ..counter import Counter
from ..dataset.counts import Args, Kwargs
from ..dataset.over import Inputs, arguments_of
from ..observe.autocast_seen import autocast_seen
from ..observe.clocks import clock_of, now
from ..observe.exported import program_module
from ..observe.model import checked
from ..training import Training
from .device import Device
from .peaks import HasPeak, dtype_of, held_of, peak_of
from .work import Work, Works


@dataclass(frozen=True)
class Metered:
    """The work and the time of one step, or of several steps.

    ``macs`` and ``flops`` are those of the model: of its forwards and backward passes. What a
    backward pass computes again is not in them, but in ``recomputed_macs``. ``hfu`` has both. The
    work of optimizers is in none of these.
    """

    seconds: float
    macs: int
    flops: int
    estimated: bool = False
    """Whether a backward pass is in the figures as an estimate: forward x 3."""
    peak_flops: float | None = None
    """The FLOPs of the device's dense peak in these seconds. None if there is no peak."""
    steps: int = 1
    recomputed_macs: int = 0
    """MACs that backward passes computed again: forwards, and the scores of a fused attention."""

    @property
    def flops_per_second(self) -> float:
        """FLOPs of the model over seconds."""
        return self.flops / self.seconds

    @property
    def macs_per_second(self) -> float:
        """MACs of the model over seconds."""
        return self.macs / self.seconds

    @property
    def mfu(self) -> float | None:
        """Model FLOPs utilisation: the used part of the device's dense peak, 1 for all of it.

        It has two FLOPs per MAC and no other operation. None if there is no peak.
        """
        return self._utilisation(self.macs)

    @property
    def hfu(self) -> float | None:
        """Hardware FLOPs utilisation: ``mfu`` with the MACs that were computed again."""
        return self._utilisation(self.macs + self.recomputed_macs)

    def logged(self) -> dict[str, float]:
        """``flops_per_second``, and ``mfu`` and ``hfu`` if there is a peak."""
        found = {"flops_per_second": self.flops_per_second, "mfu": self.mfu, "hfu": self.hfu}
        return {name: each for name, each in found.items() if each is not None}

    def _utilisation(self, macs: int) -> float | None:
        return None if not self.peak_flops else 2 * macs / self.peak_flops

    def __add__(self, other: Metered) -> Metered:
        peaks = (self.peak_flops, other.peak_flops)
        return Metered(
            self.seconds + other.seconds,
            self.macs + other.macs,
            self.flops + other.flops,
            self.estimated or other.estimated,
            None if None in peaks else sum(each for each in peaks if each is not None),
            self.steps + other.steps,
            self.recomputed_macs + other.recomputed_macs,
        )

    def __str__(self) -> str:
        parts = [duration(self.seconds), quantity(self.flops_per_second, "FLOP/s")]
        if self.steps != 1:
            parts = [f"{self.steps} steps", *parts]
        if self.mfu is not None:
            parts.append(f"MFU {100 * self.mfu:.1f} %")
        if self.hfu is not None and self.recomputed_macs:
            parts.append(f"HFU {100 * self.hfu:.1f} %")
        if self.estimated:
            parts.append("estimated as forward x 3")
        return ", ".join(parts)


class Meter:
    """Meters the steps of a loop: FLOP/s, and MFU if the device has a known peak.

    Each distinct input is counted once, as in ``hookcount.over``. The count is not in the seconds.

    ``device``: the name of a row of ``hookcount.devices()``, a ``Device``, or an object whose
    ``peak(dtype)`` gives FLOP/s. By default it is the row of the model's device. If that is not
    listed, ``mfu`` is None. ``dtype``: by default that of autocast, or of most parameters.
    ``inputs``: makes of a batch what the forward takes: ``lambda batch: batch[0]``.

    ``training``: whether a step runs a backward pass too. By default it does if the model is in
    train mode and records gradients. The backward pass is then counted, as ``Training`` does, with
    the sum of the outputs as the loss. Give a ``Training`` for another loss. If the step cannot be
    counted, a warning says why, and ``estimated`` is True: forward x 3. With a ``Training`` of
    yours the error is raised instead. An optimizer is not part of the figures.

    Raises ``InputError`` for an unknown device or a bad option, and ``ModelError`` as ``count``
    does.

    A layer of 8 to 4 on two rows has 64 MACs, and 8 adds of the bias. The gradient of its weight
    has 64 MACs, that of its bias 4 adds. Nothing needs the gradient of the input:

    >>> meter = Meter(nn.Linear(8, 4), device="H100 SXM")
    >>> meter.update(2.0, torch.zeros(2, 8)).flops     # 2 x 64 + 8 + 2 x 64 + 4
    268
    """

    def __init__(
        self,
        model: nn.Module,
        device: str | HasPeak | None = None,
        dtype: torch.dtype | str | None = None,
        *,
        inputs: Inputs | None = None,
        training: bool | Training | None = None,
        counter: Counter | None = None,
    ) -> None:
        tree = checked(program_module(model))
        called = tree.model
        self._works = Works(called, training, counter)
        self._tensors = (*tree.parameters, *tree.buffers)
        self._device = _here(self._tensors) if device is None else held_of(device, "Meter")
        self._must_know_peak = device is not None
        self._dtype = dtype
        self._inputs = inputs
        self.last: Metered | None = None
        """The last step. None before the first one."""
        self.total: Metered | None = None
        """All steps together. None before the first one."""

    @property
    def device(self) -> HasPeak | None:
        """The device whose peak is used. None if there is none."""
        return self._device

    @property
    def why_estimated(self) -> str:
        """Why a step of training could not be counted. Empty if each could be."""
        return self._works.why_estimated

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
        work = self._works.of(args, kwargs)
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
        works = [self._works.of(*_pair(each)) for each in forwards]
        return self._add(float(seconds), works, dtype)

    def _add(self, seconds: float, works: Sequence[Work], dtype: torch.dtype | None) -> Metered:
        step = Metered(
            seconds,
            sum(each.macs for each in works),
            sum(each.flops for each in works),
            any(each.estimated for each in works),
            self._peak_flops(seconds, dtype),
            recomputed_macs=sum(each.recomputed_macs for each in works),
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

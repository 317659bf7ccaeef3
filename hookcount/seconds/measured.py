"""``Measured``: the data of a timing, and the figures that follow from them."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import ClassVar

import torch

from ..analysis.size import ModelSize
from ..core.errors import HookcountError, error_text
from ..report import Report
from .batch import Batch
from .machine import Machine
from .peaks import HasPeak, peak_of
from .shares import ModuleSeconds
from .spread import Spread, overhead_of


@dataclass(frozen=True, eq=False, repr=False)
class Measured:
    """Times of equal runs of a model, and the count of the same input."""

    type: str
    """The class of the model."""
    run_seconds: tuple[float, ...]
    """The seconds of each plain run, in order. A plain run is one without a listener."""
    hooked_seconds: tuple[float, ...]
    """The seconds of each run in which modules were timed."""
    modules: tuple[ModuleSeconds, ...]
    """The seconds of each module, parents first. Empty if modules were not timed."""
    size: ModelSize
    """The model's parameters, gradients and layers."""
    machine: Machine
    """Where the model ran: processor, threads, dtype, modes."""
    batch: Batch | None
    """How many samples a forward took, and how that is known."""
    notes: tuple[str, ...]
    """What could mislead about these times."""
    counted: Report | None = None
    """The count, if it did not fail."""
    count_failed: str = ""
    """The error of the count, if it failed."""

    to_count: ClassVar[str] = (
        "call hookcount.count with the same arguments and see there; the seconds are valid"
    )
    """How to get a count where there is none."""

    # -- seconds -----------------------------------------------------------------------------------

    @property
    def seconds(self) -> float:
        """The median of the plain runs."""
        return statistics.median(self.run_seconds)

    @property
    def spread(self) -> Spread:
        """The least and the largest of the plain runs, and the quartiles."""
        return Spread.of(self.run_seconds)

    @property
    def runs(self) -> int:
        """The number of plain runs after the warm-up."""
        return len(self.run_seconds)

    @property
    def overhead(self) -> float | None:
        """The seconds of a run with modules over those of a plain run.

        None if modules were not timed.
        """
        return overhead_of(self.hooked_seconds, self.run_seconds) if self.hooked_seconds else None

    @property
    def fps(self) -> float:
        """Forwards a second: 1 / ``seconds``."""
        return per_second(1, self.seconds)

    @property
    def samples_per_second(self) -> float | None:
        """Samples a second. ``batch`` says how many samples a forward took. None if it is unknown.

        The batch is the length of a list of tensors, or the first dimension of the first tensor.
        """
        return None if self.batch is None else per_second(self.batch.samples, self.seconds)

    # -- beside the count --------------------------------------------------------------------------

    @property
    def report(self) -> Report:
        """The count of the same input. Raises ``HookcountError`` if the count failed."""
        if self.counted is None:
            what = self.count_failed or "there is no count"
            raise HookcountError(error_text("the count beside the seconds", what, self.to_count))
        return self.counted

    @property
    def flops_per_second(self) -> float:
        """FLOPs of the count over the seconds. Raises as ``report`` does."""
        return per_second(self.report.flops, self.seconds)

    @property
    def macs_per_second(self) -> float:
        """MACs of the count over the seconds. Raises as ``report`` does."""
        return per_second(self.report.macs, self.seconds)

    def mfu(self, device: str | HasPeak, dtype: torch.dtype | str | None = None) -> float:
        """Model FLOPs utilisation: the part of a device's dense peak that is used, 1 for all of it.

        It has two FLOPs per MAC and no other operation, since the peak is that of matrix products.

        ``device``: the name of a row of ``hookcount.devices()``, or an object whose ``peak(dtype)``
        gives FLOP/s. ``dtype``: by default the dtype of autocast, or of most parameters.

        Raises ``InputError`` for an unknown device, and if the peak for the dtype is not known.
        """
        wanted = self.machine.dtype if dtype is None else dtype
        peak = peak_of(device, wanted, "Timing.mfu")
        return per_second(2 * self.report.macs, self.seconds) / peak


def per_second(amount: float, seconds: float) -> float:
    """An amount over seconds. Infinite if no time passed."""
    return amount / seconds if seconds else math.inf

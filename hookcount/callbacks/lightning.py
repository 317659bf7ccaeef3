"""A callback of Lightning that logs FLOP/s and MFU of each step of training."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import torch

try:
    import lightning.pytorch as lightning
except ImportError:  # the older package
    import pytorch_lightning as lightning

from ..dataset.over import Inputs
from ..seconds.meter import Meter
from ..seconds.peaks import HasPeak


class MeterCallback(lightning.Callback):
    """Logs ``flops_per_second`` and ``mfu`` after each batch of training.

    ``inputs`` makes of a batch what the module's ``forward`` takes: ``lambda batch: batch[0]``.
    ``device`` and ``dtype`` are those of ``hookcount.Meter``. ``meter`` has the figures.
    """

    def __init__(
        self,
        device: str | HasPeak | None = None,
        dtype: torch.dtype | str | None = None,
        *,
        inputs: Inputs | None = None,
    ) -> None:
        self._options = (device, dtype)
        self._inputs = inputs
        self._block = ExitStack()
        self.meter: Meter | None = None

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, *_: Any) -> None:
        """A step begins."""
        if self.meter is None:
            self.meter = Meter(pl_module, *self._options, inputs=self._inputs, training=True)
        self._block.enter_context(self.meter.step(batch))

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        """A step ends: log it."""
        self._block.close()
        if self.meter is not None and self.meter.last is not None:
            step = self.meter.last
            found = {"flops_per_second": step.flops_per_second, "mfu": step.mfu}
            pl_module.log_dict({name: each for name, each in found.items() if each is not None})

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """The step failed: it is no step."""
        self._block.pop_all()

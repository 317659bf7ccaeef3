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
from ..training import Training


class MeterCallback(lightning.Callback):
    """Logs ``flops_per_second``, ``mfu`` and ``hfu`` after each batch of training.

    ``inputs`` makes of a batch what the module's ``forward`` takes: ``lambda batch: batch[0]``.
    ``device``, ``dtype`` and ``training`` are those of ``hookcount.Meter``: ``training`` may be a
    ``hookcount.Training`` with a loss. ``meter`` has the figures.
    """

    def __init__(
        self,
        device: str | HasPeak | None = None,
        dtype: torch.dtype | str | None = None,
        *,
        inputs: Inputs | None = None,
        training: bool | Training = True,
    ) -> None:
        self._options = (device, dtype)
        self._inputs = inputs
        self._training = training
        self._block = ExitStack()
        self.meter: Meter | None = None

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, *_: Any) -> None:
        """A step begins."""
        if self.meter is None:
            self.meter = Meter(
                pl_module, *self._options, inputs=self._inputs, training=self._training
            )
        self._block.enter_context(self.meter.step(batch))

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        """A step ends: log it."""
        self._block.close()
        if self.meter is not None and self.meter.last is not None:
            pl_module.log_dict(self.meter.last.logged())

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """The step failed: it is no step."""
        self._block.pop_all()

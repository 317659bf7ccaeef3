"""A callback of transformers' ``Trainer`` that logs FLOP/s and MFU."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import TrainerCallback

from ..observe.clocks import now
from ..seconds.meter import Meter
from ..seconds.peaks import HasPeak, autocast_dtype
from ..training import Training


class MeterCallback(TrainerCallback):
    """Adds ``flops_per_second``, ``mfu`` and ``hfu`` of the steps so far to what the trainer logs.

    ``device``, ``dtype`` and ``training`` are those of ``hookcount.Meter``: ``training`` may be a
    ``hookcount.Training`` with a loss. ``meter`` has the figures. The trainer does not hand its
    batches to callbacks, so a hook of the model notes its forwards.
    """

    def __init__(
        self,
        device: str | HasPeak | None = None,
        dtype: torch.dtype | str | None = None,
        *,
        training: bool | Training = True,
    ) -> None:
        self._options = (device, dtype)
        self._training = training
        self.meter: Meter | None = None
        self._hook: Any = None
        self._dtype: torch.dtype | None = None
        self._forwards: list[tuple[tuple[object, ...], dict[str, object]]] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.on_train_end(args, state, control)
        model: nn.Module = kwargs["model"]
        self.meter = Meter(model, *self._options, training=self._training)
        self._hook = model.register_forward_pre_hook(self._noted, with_kwargs=True)

    def _noted(self, module: nn.Module, args: tuple[object, ...], kwargs: dict[str, Any]) -> None:
        if module.training and torch.is_grad_enabled():
            self._forwards.append((args, kwargs))
            self._dtype = autocast_dtype(module)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._forwards, self._dtype, self._began = [], None, now()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        assert self.meter is not None
        self.meter.settle()
        seconds, forwards, self._forwards = (now() - self._began) / 1e9, self._forwards, []
        self.meter.record(seconds, forwards, self._dtype)

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        logs = kwargs.get("logs")
        if logs is not None and self.meter is not None and (total := self.meter.total) is not None:
            logs.update(total.logged())

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self._hook is not None:
            self._hook.remove()

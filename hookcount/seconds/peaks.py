"""The dense peak of a device for a dtype."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import torch
from torch import nn

from ..core.errors import InputError, error_text
from .device import Device


class HasPeak(Protocol):
    """A device with a peak: a ``hookcount.Device``, or an object of your own."""

    def peak(self, dtype: torch.dtype | str) -> float | None:
        """The dense peak for a dtype in FLOP/s."""


def held_of(device: str | HasPeak, where: str) -> HasPeak:
    """A device that has a peak. Raises ``InputError`` for an unknown name or another object."""
    held = Device(device) if isinstance(device, str) else device
    if isinstance(held, type) or not callable(getattr(held, "peak", None)):
        what = f"the device is of type {type(device).__name__}"
        raise InputError(error_text(where, what, "give a name, or a hookcount.Device"))
    return held


def peak_of(device: str | HasPeak, dtype: torch.dtype | str | None, where: str) -> float:
    """The dense peak of a device in FLOP/s. ``where`` names the caller in an error.

    Raises ``InputError`` for an unknown device, and if the peak for the dtype is not known.
    """
    if dtype is None:
        what = "the model has no floating-point tensor, so the dtype is unknown"
        raise InputError(error_text(where, what, "give dtype="))
    held = held_of(device, where)
    peak = held.peak(dtype)
    if not peak or not peak > 0:
        what = f"there is no peak of {held} for {dtype}"
        fix = "give a dtype that the device has a peak for, or an object with a peak of your own"
        raise InputError(error_text(where, what, fix))
    return float(peak)


def autocast_dtype(model: nn.Module) -> torch.dtype | None:
    """The dtype of the autocast that is active for the device of a model; None without one."""
    return _of_autocast(next((each.device.type for each in model.parameters()), "cpu"))


def _of_autocast(device: str) -> torch.dtype | None:
    try:
        return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
    except RuntimeError:  # a device without autocast
        return None


def dtype_of(device: str, tensors: Iterable[torch.Tensor]) -> torch.dtype | None:
    """The dtype of most of the work: that of autocast, else that of most elements."""
    if (cast := _of_autocast(device)) is not None:
        return cast
    elements: dict[torch.dtype, int] = {}
    for each in tensors:
        if each.is_floating_point() or each.is_complex():
            elements[each.dtype] = elements.get(each.dtype, 0) + each.numel()
    return max(elements, key=lambda dtype: elements[dtype]) if elements else None

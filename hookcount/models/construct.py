"""Building a model where its count needs it: without memory where the constructor bears it, or on a device that was asked for."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

_META = torch.device("meta")


def constructed(make: Callable[[], nn.Module], device: torch.device | str | None) -> nn.Module:
    """What ``make`` builds: with values on ``device``; on None or meta without memory where that can be.

    None and meta differ for a constructor that reads its parameters' values: for None its model stays real.
    """
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # about initial values and deprecated helpers: nothing the caller could change
        if device is not None and torch.device(device) != _META:
            with torch.device(device):
                return moved(make(), device)
        try:
            return without_memory(make)
        except Exception:
            return make() if device is None else make().to(_META)


def without_memory(make: Callable[[], nn.Module]) -> nn.Module:
    """What ``make`` builds, on meta. Raises where its constructor reads a parameter's values."""
    try:
        with _EmptyOnMeta():
            return make().to(_META)
    except (
        Exception
    ):  # one that runs a part of itself, to see what size it gives, needs all of it on meta
        with _META:
            return make().to(_META)


def moved(model: nn.Module, device: torch.device | str) -> nn.Module:
    """The model on ``device``, left alone if it is there: packed and scripted ones cannot always be moved."""
    there = torch.empty(0, device=device).device
    held = [*model.parameters(), *model.buffers()]
    return model if all(each.device == there for each in held) else model.to(device)


class _EmptyOnMeta(TorchFunctionMode):
    """Parameters are made on the meta device, and only they: constructors read values of the other tensors they make."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.empty and kwargs.get("device") is None:
            kwargs = {**kwargs, "device": "meta"}
        return func(*args, **kwargs)

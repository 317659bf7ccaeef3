"""Building a model: without memory if its constructor allows it, or on a given device."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

_META = torch.device("meta")


def constructed(make: Callable[[], nn.Module], device: torch.device | str | None) -> nn.Module:
    """The model that ``make`` builds, on ``device``.

    For None and meta it is built without memory. Some constructors read values of parameters and so
    need memory. Their models stay real for None, and are moved to meta afterwards for meta.
    """
    with warnings.catch_warnings():
        # about initial values and deprecated helpers, which the caller cannot change
        warnings.simplefilter("ignore")
        if device is not None and torch.device(device) != _META:
            with torch.device(device):
                return moved(make(), device)
        try:
            return without_memory(make)
        except Exception:
            return make() if device is None else make().to(_META)


def without_memory(make: Callable[[], nn.Module]) -> nn.Module:
    """The model that ``make`` builds, on meta.

    Raises the constructor's own error if the constructor reads a parameter's values.
    """
    try:
        with _EmptyOnMeta():
            return make().to(_META)
    except Exception:
        # a constructor that runs a part of the model, to see its output size, needs all on meta
        with _META:
            return make().to(_META)


def moved(model: nn.Module, device: torch.device | str) -> nn.Module:
    """The model on ``device``. A model that is there already is not touched.

    Packed and scripted models cannot always be moved.
    """
    there = torch.empty(0, device=device).device
    held = [*model.parameters(), *model.buffers()]
    return model if all(each.device == there for each in held) else model.to(device)


class _EmptyOnMeta(TorchFunctionMode):
    """In the block, parameters are made on the meta device.

    Layers make parameters by ``torch.empty``. Other new tensors keep their values, because
    constructors read them.
    """

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Sequence[type],
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        kwargs = kwargs or {}
        if func is torch.empty and kwargs.get("device") is None:
            kwargs = {**kwargs, "device": "meta"}
        return func(*args, **kwargs)

"""The key of a model's state: what decides the path of its code, besides the input."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from .values import Key

_DEVICES = ("cpu", "cuda")


def state_key(model: nn.Module) -> Key:
    """The modules, their modes, the shapes of their parameters, and the grad mode and autocast.

    Two counts of one input may differ if this differs. Other attributes of modules are not read.
    """
    modules = tuple(
        [
            (name, type(each), getattr(each, "training", None), *_shapes(each._parameters.values()))
            for name, each in model.named_modules(remove_duplicate=False)
        ]
    )
    return (modules, torch.is_grad_enabled(), torch.is_inference_mode_enabled(), _autocast())


def _shapes(tensors: Iterable[torch.Tensor | None]) -> list[Key]:
    return [
        None if each is None else (each.shape, each.dtype, each.device, each.requires_grad)
        for each in tensors
    ]


def _autocast() -> tuple[Key, ...]:
    return tuple(
        [
            (name, torch.get_autocast_dtype(name))
            for name in _DEVICES
            if torch.is_autocast_enabled(name)
        ]
    )

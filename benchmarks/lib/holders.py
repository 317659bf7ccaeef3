"""Modules that hold one module or function, so that a tool finds it within a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


class Held(nn.Module):
    """A module within another. ``pick`` takes the first of its outputs.

    torchinfo and torch-flops need a parameter in the outer module.
    """

    def __init__(self, inner: nn.Module, pick: bool = False) -> None:
        super().__init__()
        self.dummy, self.inner, self.pick = nn.Parameter(torch.zeros(1)), inner, pick

    def forward(self, x: Any) -> Any:
        out = self.inner(x)
        return out[0] if self.pick else out


class Function(nn.Module):
    """A function of this module and an input."""

    def __init__(self, function: Callable[[Any, Any], Any], **held: torch.Tensor) -> None:
        super().__init__()
        self.dummy, self.function = nn.Parameter(torch.zeros(1)), function
        for name, value in held.items():
            setattr(self, name, nn.Parameter(value))

    def forward(self, x: Any) -> Any:
        return self.function(self, x)


class Attends(nn.Module):
    """Multi-head attention of an input to itself, or to the keys in ``held``."""

    def __init__(self, inner: nn.Module, weights: bool, held: torch.Tensor | None = None) -> None:
        super().__init__()
        self.dummy, self.inner, self.weights = nn.Parameter(torch.zeros(1)), inner, weights
        self.held = None if held is None else nn.Parameter(held)

    def forward(self, x: Any) -> Any:
        key = x if self.held is None else self.held
        return self.inner(x, key, key, need_weights=self.weights)[0]


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.m = nn.Linear(7, 7, bias=False)

    def forward(self, x: Any) -> Any:
        return self.m(self.m(x))


class Sub(nn.Linear):
    pass


class Masked(nn.Module):
    def __init__(self, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor) -> None:
        super().__init__()
        self.k, self.v = nn.Parameter(key), nn.Parameter(value)
        self.register_buffer("mask", mask)

    def forward(self, x: Any) -> Any:
        return F.scaled_dot_product_attention(x, self.k, self.v, attn_mask=self.mask)

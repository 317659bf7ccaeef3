"""A model that runs a list of steps, and the result of each step for later ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn


@dataclass
class Step:
    """One step. ``run(model, values, options)`` gives a tensor or several; ``values`` are earlier
    results, the inputs first. ``options`` are the keyword arguments of the model.
    """

    name: str
    run: Callable[[Program, list[Tensor], dict[str, Any]], Any]
    torch_counts: bool = True
    """Whether torch's ``FlopCounterMode`` knows each product of the step."""


@dataclass
class Output:
    """An output with attributes, as models of transformers have it."""

    last: Tensor
    others: tuple[Tensor, ...] = field(default_factory=tuple)


class Program(nn.Module):
    """Runs its steps. ``shape`` says what it returns."""

    def __init__(self, shape: str) -> None:
        super().__init__()
        self.parts = nn.ModuleDict()
        self.steps: list[Step] = []
        self.shape = shape

    def add(self, module: nn.Module) -> str:
        """The name of a new part."""
        name = f"part{len(self.parts)}"
        self.parts[name] = module
        return name

    def forward(self, *inputs: Tensor, **options: Any) -> Any:
        values = list(inputs)
        for step in self.steps:
            values += results(step.run(self, values, options))
        last, others = values[-1], tuple(values[len(inputs) : -1][-2:])
        if self.shape == "dict":
            return {"last": last, "more": {"others": list(others)}}
        if self.shape == "object":
            return Output(last, others)
        return (last, others) if self.shape == "tuple" else last


def results(out: Any) -> list[Tensor]:
    """The tensors of a step's result."""
    if isinstance(out, Tensor):
        return [out]
    if isinstance(out, dict):
        out = tuple(out.values())
    return [each for item in out or () for each in results(item)]


class Block(nn.Module):
    """A residual block with keyword arguments, which returns a dict."""

    def __init__(self, width: int, inner: nn.Module) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.inner = inner

    def forward(self, x: Tensor, *, scale: float = 1.0, residual: bool = True) -> dict[str, Tensor]:
        hidden = self.down(self.inner(self.up(self.norm(x))))
        return {"out": x + scale * hidden if residual else hidden, "hidden": hidden}


class Twice(nn.Module):
    """Calls one module twice, under two names."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.first = self.second = module

    def forward(self, x: Tensor) -> Tensor:
        return self.second(torch.tanh(self.first(x)))


class Tied(nn.Module):
    """Two linear layers with one weight, which a third product uses too."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.b.weight = self.a.weight

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(self.b(self.a(x)), self.a.weight.t())

"""A sample of torch's databases as a tiny model, and the facts of its forward."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

Fact = Any
"""What must be equal in every run: the shape, strides and dtype of a tensor, or a plain value."""

SEEN: list[tuple[Fact, ...]] = []
"""The facts of each forward. It is a global variable, because a count puts closures back."""


@dataclass(frozen=True)
class Held:
    """Replaces a tensor among the arguments that the model has as a buffer."""

    name: str


class Tiny(nn.Module):
    """``call(*args, **kwargs)`` as a model. The facts of its results are added to ``SEEN``."""

    def __init__(self, call: Callable[..., Any]) -> None:
        super().__init__()
        self.call = call

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return noted(self.call(*args, **kwargs), (args, kwargs))


class WithEmptyOut(Tiny):
    """As ``Tiny``, with an ``out=`` of no elements, which the call resizes.

    ``like``: the results of the call.
    """

    def __init__(self, call: Callable[..., Any], like: Any) -> None:
        super().__init__(call)
        self.like = mapped(like, lambda each: each.dtype)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        first = next(tensors((args, kwargs)), torch.empty(()))
        device = kwargs.get("device") or first.device

        def empty(dtype: torch.dtype) -> torch.Tensor:
            return torch.empty(0, dtype=dtype, device=device)

        out = mapped(self.like, empty, torch.dtype)
        return noted(self.call(*args, **kwargs, out=out), (args, kwargs, out))


class OfActivation(Tiny):
    """As ``Tiny``, on an activation: the first tensor in a view. The others are buffers."""

    def __init__(self, call: Callable[..., Any], args: Any, kwargs: Any) -> None:
        super().__init__(call)
        first = next(tensors((args, kwargs)))

        def held(each: torch.Tensor) -> Held:
            if each is first:
                return Held("")
            name = f"held{len(self._buffers)}"
            self.register_buffer(name, each)
            return Held(name)

        self.args, self.kwargs = mapped((args, kwargs), held)

    def forward(self, first: torch.Tensor) -> Any:
        activation = first.view_as(first)

        def found(each: Held) -> Any:
            return getattr(self, each.name) if each.name else activation

        args, kwargs = mapped((self.args, self.kwargs), found, Held)
        return noted(self.call(*args, **kwargs), (args, kwargs))


class Around(nn.Module):
    """A module of torch as a model."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return noted(self.module(*args, **kwargs), (args, kwargs))


def noted(result: Any, given: Any) -> Any:
    """``result``. What it and the arguments now are is added to ``SEEN``."""
    known = {id(each): index for index, each in enumerate(tensors(given))}
    SEEN.append((*facts(result, known), "arguments", *facts(given, known)))
    return result


def facts(value: Any, known: dict[int, int]) -> Iterator[Fact]:
    """The facts of a result. ``known``: the positions of the arguments, by identity."""
    if isinstance(value, torch.Tensor):
        yield known.get(id(value)), tuple(value.shape), strides(value), value.dtype, value.layout
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from facts(each, known)
    elif isinstance(value, dict):
        for each in value.values():
            yield from facts(each, known)
    else:
        yield type(value).__name__, value if isinstance(value, int) else None


def strides(tensor: torch.Tensor) -> tuple[int, ...] | None:
    """The strides of the dimensions that have more than one position."""
    if tensor.layout is not torch.strided or tensor.is_nested or 0 in tensor.shape:
        return None
    return tuple(step for size, step in zip(tensor.shape, tensor.stride(), strict=True) if size > 1)


def tensors(value: Any) -> Iterator[torch.Tensor]:
    """Each tensor in a structure, in order."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from tensors(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from tensors(each)


def mapped(value: Any, function: Callable[[Any], Any], kind: type = torch.Tensor) -> Any:
    """``value`` with each object of class ``kind`` replaced. A named tuple becomes a tuple."""
    if isinstance(value, kind):
        return function(value)
    if isinstance(value, tuple) and not isinstance(value, torch.Size):
        return tuple([mapped(each, function, kind) for each in value])
    if isinstance(value, list):
        return [mapped(each, function, kind) for each in value]
    if isinstance(value, dict):
        return {name: mapped(each, function, kind) for name, each in value.items()}
    return value

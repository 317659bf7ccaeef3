"""What distinct op calls give: the memory that lets a shapes-only run work each out once."""

from __future__ import annotations

from typing import Any

import torch

from ..trace import Call


class Memo:
    """What distinct op calls give, by op, shapes, strides, dtypes and other arguments. Bounded."""

    def __init__(self, at_most: int = 50_000) -> None:
        self.at_most = at_most
        self.known: dict[Any, tuple[Any, Call]] = {}
        self.hits = 0
        self.misses = 0

    def put(self, key: Any, made: Any, call: Call) -> None:
        if len(self.known) >= self.at_most:
            self.known.clear()
        self.known[key] = (made, call)


class New:
    """A tensor that an op makes anew: all that is needed to make it again."""

    __slots__ = ("dtype", "shape", "stride")

    def __init__(self, tensor: torch.Tensor) -> None:
        self.shape, self.stride, self.dtype = tensor.shape, tensor.stride(), tensor.dtype

    def again(self) -> torch.Tensor:
        return torch.empty_strided(self.shape, self.stride, dtype=self.dtype, device="meta")


def recipe(made: Any) -> Any:
    """An op's result, each tensor as what is needed to make it again."""
    if isinstance(made, torch.Tensor):
        return New(made)
    if isinstance(made, (list, tuple)):
        return type(made)([recipe(item) for item in made])
    return made


def again(made: Any) -> Any:
    """The result of a ``recipe``."""
    if isinstance(made, New):
        return made.again()
    if isinstance(made, (list, tuple)):
        return type(made)([again(item) for item in made])
    return made


def key(value: Any) -> Any:
    """What tells one call from another: of a tensor shape, strides and dtype; 2 is not 2.0."""
    if isinstance(value, torch.Tensor):
        return (value.shape, value.stride(), value.dtype)
    if isinstance(value, (list, tuple)):
        return tuple([key(item) for item in value])
    if isinstance(value, dict):
        return tuple([(name, key(item)) for name, item in value.items()])
    if isinstance(value, (int, float)):
        return (type(value), value if value == value else "nan")
    return value

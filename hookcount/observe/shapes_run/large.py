"""Says whether an op on constants would make a tensor that is too large to be computed."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import torch

from ...rules.registry import Op
from ..contained import tensors
from ..values import OpArgs, OpKwargs
from .data import LARGE, Data
from .meta_tensors import META


def is_large(
    data: Data, func: Op, args: OpArgs, kwargs: OpKwargs, given: list[torch.Tensor]
) -> bool:
    """Whether an op on constants would make a tensor of more than ``LARGE`` elements.

    ``given`` are the op's tensors.
    """
    if given:
        if prod(max(tensor.numel(), 1) for tensor in given) <= LARGE:
            return False
    elif prod(size for size in _ints(args) if size > 0) <= LARGE and not any(
        value > LARGE for value in _numbers(args)
    ):
        return False
    try:
        out = func(
            *data.mapped(args),
            **{**data.mapped(kwargs), **({"device": META} if "device" in kwargs else {})},
        )
    except Exception:
        return False  # only the real op can give the shape
    return any(tensor.numel() > LARGE for tensor in tensors(out))


def _ints(args: OpArgs) -> Iterator[int]:
    """The integers in lists among an op's arguments, which are sizes."""
    for value in args:
        if isinstance(value, (list, tuple)):
            yield from (item for item in value if isinstance(item, int))


def _numbers(args: OpArgs) -> Iterator[float]:
    """The plain numbers among an op's arguments."""
    yield from (value for value in args if isinstance(value, (int, float)))

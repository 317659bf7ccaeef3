"""How many samples a forward takes, and how that is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch


class Batch(NamedTuple):
    """A number of samples."""

    samples: int
    how: str
    """How the number was found: ``"the first dimension of the first tensor, [8, 3, 224, 224]"``."""


def batch_of(args: Sequence[object], kwargs: Mapping[str, object]) -> Batch | None:
    """The batch of a forward, by its first argument that holds tensors. None if there is none.

    It is the length of a list of tensors, else the first dimension of the first tensor.
    """
    for value in (*args, *kwargs.values()):
        found = _batch(value)
        if found is not None:
            return found
    return None


def _batch(value: object) -> Batch | None:
    if isinstance(value, torch.Tensor):
        if not value.dim():
            return None
        return Batch(
            int(value.shape[0]), f"the first dimension of the first tensor, {list(value.shape)}"
        )
    if isinstance(value, list) and value and all(isinstance(each, torch.Tensor) for each in value):
        return Batch(len(value), f"the length of the first list of tensors, {len(value)}")
    if isinstance(value, Mapping):
        value = tuple(value.values())
    if isinstance(value, (tuple, list)):
        found = (_batch(each) for each in value)
        return next((each for each in found if each is not None), None)
    return None

"""Calls on nested tensors, as one call for each of the tensors in them."""

from __future__ import annotations

import types
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import torch

from .trace import Call, Spec, Value, leaves


def sequences(call: Call) -> list[tuple[Call, int]]:
    """A call on nested tensors as calls on dense ones with a batch of 1, and how often each occurs.

    The list is empty for any other call. A nested tensor holds sequences of different lengths. So
    work is counted for real steps, and not for padding.
    """
    nested = [each.parts for each in leaves((call.args, call.kwargs, call.out)) if each.parts]
    found = Counter(zip(*nested, strict=False))  # tensors of one call hold as many sequences
    if not found:
        return []
    return [(_one(call, shapes), times) for shapes, times in found.items()]


def _one(call: Call, shapes: tuple[torch.Size, ...]) -> Call:
    """The call on one sequence. ``shapes``: its shape in each nested tensor, in order."""
    left = iter(shapes)

    def change(value: Value) -> Value:
        if isinstance(value, Spec):
            return (
                replace(value, shape=torch.Size((1, *next(left))), parts=())
                if value.parts
                else value
            )
        if isinstance(value, tuple):
            items = [change(item) for item in value]
            return type(value)._make(items) if hasattr(value, "_make") else tuple(items)
        if isinstance(value, list):
            return [change(item) for item in value]
        if isinstance(value, Mapping):
            return {key: change(item) for key, item in value.items()}
        if isinstance(value, types.SimpleNamespace):
            return types.SimpleNamespace(**change(vars(value)))
        return value

    return replace(call, args=change(call.args), kwargs=change(call.kwargs), out=change(call.out))

"""From a call's specs to what formulas take: each ``Spec`` becomes its ``torch.Size``, structures are kept."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Any

from .trace import Spec


def sizes(value: Any) -> Any:
    """``value`` with each ``Spec`` replaced by its shape."""
    if isinstance(value, Spec):
        return value.shape
    if type(value) is tuple:
        return tuple([sizes(item) for item in value])
    if type(value) is list:
        return [sizes(item) for item in value]
    if isinstance(value, tuple) and hasattr(value, "_make"):
        return type(value)._make(sizes(item) for item in value)
    if isinstance(value, Mapping):
        return {key: sizes(item) for key, item in value.items()}
    if isinstance(value, types.SimpleNamespace):
        return types.SimpleNamespace(**sizes(vars(value)))
    return value


def leaves(value: Any) -> Iterator[Spec]:
    """Each ``Spec`` in a structure, in order."""
    if isinstance(value, Spec):
        yield value
    elif type(value) in (tuple, list) or hasattr(value, "_make"):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, types.SimpleNamespace):
        yield from leaves(vars(value))

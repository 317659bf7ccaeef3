"""Integers of other types, such as those of numpy, as Python ints."""

from __future__ import annotations

import operator
from typing import Any

import torch

_OTHERS = (int, torch.Tensor, torch.SymInt)
"""A bool and an enum stay as they are. A tensor may have no value, and a symbol has none."""


def as_int(value: Any) -> Any:
    """An integer of another type as an ``int``: anything with ``__index__``. Else the value itself.

    Arithmetic with integers of numpy would overflow, and they are no ``int`` for ``isinstance``.
    """
    kind = type(value)
    if not hasattr(kind, "__index__") or isinstance(value, _OTHERS) or "bool" in kind.__name__:
        return value
    try:
        return operator.index(value)
    except Exception:  # an array of several integers, an object of TorchScript
        return value

"""The input of a model as one value: a tensor, a tuple of arguments, or a dict of keyword arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from .errors import InputError, tell


def arguments(what: str, given: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and keyword arguments of ``forward``: of a tensor, a tuple of the former, or a dict of the latter.

    Raises ``InputError`` for anything else; ``what`` names it there.
    """
    if isinstance(given, torch.Tensor):
        return (given,), {}
    if isinstance(given, tuple):
        return given, {}
    if isinstance(given, Mapping) and all(isinstance(name, str) for name in given):
        return (), dict(given)
    fix = "give a tensor, a tuple of positional arguments, or a dict of keyword arguments"
    raise InputError(tell(what, f"this is a {type(given).__name__}", fix))

"""One value as the input of a model: a tensor, or a tuple or a dict of arguments."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from .errors import InputError, error_text


def arguments(what: str, given: object) -> tuple[tuple[object, ...], dict[str, object]]:
    """Turn one input value into positional and keyword arguments of ``forward``.

    A tensor is the only positional argument. A tuple holds all positional arguments, a dict all
    keyword arguments. Raises ``InputError`` for any other value; ``what`` names the input there.
    """
    if isinstance(given, torch.Tensor):
        return (given,), {}
    if isinstance(given, tuple):
        return given, {}
    if isinstance(given, Mapping) and all(isinstance(name, str) for name in given):
        return (), dict(given)
    fix = "give a tensor, a tuple of positional arguments, or a dict of keyword arguments"
    raise InputError(error_text(what, f"the input is of type {type(given).__name__}", fix))

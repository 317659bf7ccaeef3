"""The default input of a model in other batches and dtypes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from ..core.errors import error_text
from ..core.structures import changed
from ..models import Built
from ..models.built import Argument
from .options import UsageError


def in_batches(built: Built, samples: int) -> Built:
    """The same model on ``samples`` samples at once.

    Raises ``UsageError`` if no default input is known, or one that is no batch.
    """
    what, fix = "there is no default input", "give the batch as the first size of --input"
    if not built.args and not built.kwargs:
        raise UsageError(error_text("--batch", what, fix))

    def several(value: torch.Tensor) -> torch.Tensor:
        if not value.dim():
            raise UsageError(error_text("--batch", "an input has no dimensions", fix))
        return torch.cat([value[:1]] * samples)

    def batch(value: Argument) -> Argument:
        if isinstance(value, torch.Tensor):
            return several(value)
        if built.takes_list:
            return [value[0].clone() for _ in range(samples)]
        raise UsageError(error_text("--batch", "an input is no tensor", fix))

    return _changed(built, batch)


def in_dtype(built: Built, dtype: torch.dtype) -> Built:
    """The same model on inputs in which floating-point numbers are of a dtype."""

    def cast(value: torch.Tensor) -> torch.Tensor:
        return value.to(dtype) if value.is_floating_point() else value

    def change(value: Argument) -> Argument:
        if isinstance(value, torch.Tensor):
            return cast(value)
        made = changed(value, change)
        return value if made is NotImplemented else made

    return _changed(built, change)


def _changed(built: Built, change: Callable[[Argument], Argument]) -> Built:
    args = None if built.args is None else tuple(map(change, built.args))
    return replace(
        built, args=args, kwargs={name: change(each) for name, each in built.kwargs.items()}
    )

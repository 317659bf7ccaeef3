"""What the doors of both backends of ptflops share: the input of the model, and where to print."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TextIO

import torch
from torch import nn

from ...observe.model import checked
from ..initialised import has_lazy, initialised
from ..shared import invoked_as_hook

WHERE = "get_model_complexity_info"

STDOUT_OF_IMPORT = sys.stdout
"""The default of ``ost``, as in ptflops. It means ``sys.stdout`` at the time of a call."""

Constructor = Callable[[tuple[int, ...]], object]

invoke_hook = invoked_as_hook("__flops__", int)
"""How ptflops calls a hook of a module."""


def stream(ost: TextIO) -> TextIO:
    """The stream to print to. ``sys.stdout`` may be another file than at the import."""
    return sys.stdout if ost is STDOUT_OF_IMPORT else ost


def inputs(
    model: nn.Module, input_res: tuple[int, ...], constructor: Constructor | None
) -> tuple[nn.Module, tuple[object, ...], dict[str, object]]:
    """The model, and the positional and keyword arguments of its ``forward``.

    If the model has lazy parameters, it is a copy of it whose parameters have shapes.
    """
    if not has_lazy(model):
        checked(model)
    if constructor is not None:
        made = constructor(input_res)
        args, kwargs = ((), made) if isinstance(made, dict) else ((made,), {})
    else:
        like = next(model.parameters(), torch.zeros(()))
        made = torch.zeros((1, *input_res), dtype=like.dtype, device=like.device)
        args, kwargs = (made,), {}
    return initialised(model, args, kwargs), args, kwargs

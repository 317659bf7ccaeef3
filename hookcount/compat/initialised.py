"""Models whose lazy parameters get their shapes from the first input, such as ``nn.LazyLinear``."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from ..observe.contained import tensors
from ..observe.in_turn import turn_for
from ..observe.own_draws import OwnDraws
from .counting import keeping_modes
from .shared import mapped


def initialised(
    model: nn.Module, args: tuple[object, ...], kwargs: Mapping[str, object]
) -> nn.Module:
    """``model``, or if it has lazy parameters a copy of it whose parameters have shapes.

    The copy runs once, for real, in eval mode, on copies of the inputs. If an input is on the meta
    device, the copy moves there. ``model`` and the random numbers of torch stay as they are.

    >>> model = nn.LazyLinear(4)
    >>> initialised(model, (torch.zeros(2, 8),), {}).weight.shape
    torch.Size([4, 8])
    >>> type(model).__name__
    'LazyLinear'
    """
    if not has_lazy(model):
        return model
    meta = any(each.is_meta for each in tensors((args, kwargs)))
    held = (*model.parameters(), *model.buffers())
    known = {id(each): _twin(each, meta) for each in held if meta or is_lazy(each)}
    with turn_for(model.modules()):
        made = copy.deepcopy(model, known)
    with OwnDraws(), torch.no_grad(), keeping_modes(made):
        made.eval()(*mapped(args, _copied), **mapped(dict(kwargs), _copied))
    return made


def has_lazy(model: object) -> bool:
    """Whether a parameter or a buffer of the model has no shape yet."""
    return isinstance(model, nn.Module) and any(
        map(is_lazy, (*model.parameters(), *model.buffers()))
    )


def _twin(tensor: torch.Tensor, meta: bool) -> torch.Tensor:
    """A copy of a tensor without a shape, which ``deepcopy`` cannot make, or a copy on meta."""
    kind: Any = type(tensor)
    device = torch.device("meta") if meta else tensor.device
    made: torch.Tensor
    if is_lazy(tensor):
        made = kind(device=device, dtype=tensor.dtype, requires_grad=tensor.requires_grad)
    elif isinstance(tensor, nn.Parameter):
        made = nn.Parameter(tensor.detach().to(device), tensor.requires_grad)
    else:
        made = tensor.detach().to(device)
    vars(made).update(vars(tensor))
    return made


def _copied(value: object) -> object:
    return value.detach().clone() if isinstance(value, torch.Tensor) else value

"""Meta tensors in place of the tensors of modules. One serves all of equal shape and dtype."""

from __future__ import annotations

import torch
from torch import nn

from ..core.trace import Spec
from .quiet import apart
from .specs import spec_of

_made: dict[tuple[Spec, bool], torch.Tensor] = {}


def key_on_meta(key: object) -> object:
    """A key of a dict. For a tensor it is one on meta, and for each tensor another one."""
    return _made_on_meta(spec_of(key)) if isinstance(key, torch.Tensor) else key


def on_meta_like(tensor: torch.Tensor) -> torch.Tensor:
    return on_meta(spec_of(tensor), isinstance(tensor, nn.Parameter))


def on_meta(spec: Spec, parameter: bool = False) -> torch.Tensor:
    """A meta tensor with a shape and dtype.

    Nothing writes to it. So tensors of equal shape and dtype share one.
    """
    key = (spec, parameter)
    made = _made.get(key)
    if made is None:
        made = _made_on_meta(spec, parameter)
        if len(_made) > 10_000:
            _made.clear()
        _made[key] = made
    return made


def laid_out_like(tensor: torch.Tensor) -> torch.Tensor:
    """A meta tensor of its own, with the shape, strides and dtype. It requires grad as before."""
    with apart():
        made = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")
    return made.requires_grad_(tensor.requires_grad)


def _made_on_meta(spec: Spec, parameter: bool = False) -> torch.Tensor:
    with apart():
        made = torch.empty(spec.shape, dtype=spec.dtype, device="meta")
        return nn.Parameter(made, requires_grad=False) if parameter else made

"""Meta tensors in place of a model's own for a run, so that autograd works on shapes alone.

Autograd asks that a gradient is on the device of its tensor. So does an optimizer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from .meta_copies import laid_out_like
from .module_tree import ModuleTree

Swaps = dict[int, torch.Tensor]
"""The meta tensor for each tensor of the model, by the identity of the tensor."""

_PLAIN = (torch.Tensor, nn.Parameter, nn.Buffer)
_CONTAINERS = (list, tuple, dict)


@contextmanager
def swapped(tree: ModuleTree) -> Iterator[Swaps]:
    """For the block, the model's parameters and buffers are on meta. Ties stay ties.

    The block gets the swaps. Tensors of other classes stay as they are. Small integer and boolean
    buffers do too, since their values may decide the path.
    """
    swaps: Swaps = {}
    with ExitStack() as undo:
        for module in tree.modules:
            for held in _held(module):
                for name, tensor in list(held.items()):
                    if tensor is not None and (made := _swap(tensor, swaps)) is not tensor:
                        held[name] = made
                        undo.callback(held.__setitem__, name, tensor)
        for module in tree.modules:  # such as the flat weights of an LSTM
            attributes = vars(module)
            for name, value in list(attributes.items()):
                if type(value) in _CONTAINERS and (other := _replaced(value, swaps)) is not value:
                    attributes[name] = other
                    undo.callback(attributes.__setitem__, name, value)
        yield swaps


def inputs_on_meta(value: Any, swaps: Swaps) -> Any:
    """Inputs with each floating-point tensor on meta. It requires grad as before.

    A tensor that is there twice, or that the model holds too, gets one meta tensor. The model may
    ask whether its keys are its queries. ``swaps``: those of the model.
    """
    return pytree.tree_map_only(torch.Tensor, lambda each: _swap(each, swaps), value)


def inputs_apart(value: Any) -> Any:
    """Inputs without the graph that made them, which belongs to the caller.

    A tensor that is there twice stays one.
    """
    made: dict[int, torch.Tensor] = {}

    def apart(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.grad_fn is None:
            return tensor
        if id(tensor) not in made:
            made[id(tensor)] = tensor.detach().requires_grad_()
        return made[id(tensor)]

    return pytree.tree_map_only(torch.Tensor, apart, value)


def _held(module: nn.Module) -> tuple[dict[str, Any], ...]:
    """Where a module keeps its parameters and buffers."""
    return module._parameters, module._buffers


def _swap(tensor: torch.Tensor, swaps: Swaps) -> torch.Tensor:
    made = swaps.get(id(tensor))
    if made is not None:
        return made
    if type(tensor) not in _PLAIN or tensor.is_meta or not _is_plain(tensor):
        return tensor
    made = laid_out_like(tensor)
    if isinstance(tensor, nn.Parameter):
        made = nn.Parameter(made, requires_grad=tensor.requires_grad)
    vars(made).update(vars(tensor))
    swaps[id(tensor)] = made
    return made


def _is_plain(tensor: torch.Tensor) -> bool:
    """Whether shape and strides say all: a dense tensor of numbers that are no ids or masks."""
    return tensor.layout is torch.strided and (tensor.is_floating_point() or tensor.is_complex())


def _replaced(value: Any, swaps: Swaps) -> Any:
    """A container with the meta tensors in it; the same one if it holds no tensor of the model."""
    items = value.values() if isinstance(value, Mapping) else value
    if not any(id(each) in swaps for each in items):
        return value
    if isinstance(value, Mapping):
        return {key: swaps.get(id(each), each) for key, each in value.items()}
    return type(value)([swaps.get(id(each), each) for each in value])

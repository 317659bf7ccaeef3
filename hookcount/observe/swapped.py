"""Other tensors in place of a model's own for a training step, which writes to them.

On shapes these are meta tensors, since autograd and optimizers ask for a gradient on the device of
its tensor. In a real run they are copies. The threads of the run see them. Other threads, which may
train the model meanwhile, see the model's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from .by_thread import ByThread, Inside
from .contained import storage
from .meta_copies import laid_out_like
from .module_tree import ModuleTree
from .parts import is_shared, part, shared_as
from .quiet import apart

Swaps = dict[int, torch.Tensor]
"""The other tensor for each tensor of the model, by the identity of the tensor."""
Makes = Callable[[torch.Tensor], torch.Tensor | None]
"""Makes the other tensor for a dense one; None if the tensor is to stay."""

_PLAIN = (torch.Tensor, nn.Parameter, nn.Buffer)
_CONTAINERS = (list, tuple, dict)


@contextmanager
def swapped(tree: ModuleTree, make: Makes, inside: Inside) -> Iterator[Swaps]:
    """For the block, the threads of a run see other parameters and buffers. Ties stay ties.

    A tensor that several ranks hold together gets another part. Tensors of other classes and
    layouts stay as they are. ``inside``: whether the present thread is of the run. The block gets
    what is in whose place.
    """
    swaps: Swaps = {}
    with ExitStack() as undo:
        for module in tree.modules:
            for name, held in _held(module):
                items = {key: _swap(each, swaps, make) for key, each in held.items()}
                changed = [key for key, each in items.items() if each is not held[key]]
                if changed and type(held) is dict:
                    vars(module)[name] = other = ByThread(held, items, inside)
                    undo.callback(_put_back, vars(module), name, other, held)
                else:  # such as the items of a scripted module
                    for key in changed:
                        undo.callback(held.__setitem__, key, held[key])
                        held[key] = items[key]
        for module in tree.modules:  # such as the flat weights of an LSTM
            attributes = vars(module)
            for name, value in list(attributes.items()):
                if type(value) in _CONTAINERS and (other := _replaced(value, swaps)) is not value:
                    attributes[name] = other
                    undo.callback(_put_back, attributes, name, other, value)
        yield swaps


def _put_back(attributes: dict[str, Any], name: str, other: object, value: object) -> None:
    if attributes.get(name) is other:  # else another thread has given the module a new one
        attributes[name] = value


def meta_copy(tensor: torch.Tensor) -> torch.Tensor | None:
    """A meta tensor of the same shape. It requires grad as before.

    Integers and booleans stay, since their values may decide the path.
    """
    is_number = tensor.is_floating_point() or tensor.is_complex()
    return laid_out_like(tensor) if is_number else None


class Copies:
    """Makes tensors with equal values. Those that share memory still do.

    A frozen parameter stays, since a training step does not write to it.
    """

    def __init__(self) -> None:
        self._memory: dict[int, torch.UntypedStorage] = {}

    def __call__(self, tensor: torch.Tensor) -> torch.Tensor | None:
        frozen = isinstance(tensor, nn.Parameter) and not tensor.requires_grad
        lazy = tensor.is_conj() or tensor.is_neg()
        if frozen or lazy or tensor.is_quantized or tensor.is_inference():
            return None
        with apart():
            memory, key = tensor.untyped_storage(), storage(tensor)
            if key not in self._memory:
                self._memory[key] = memory.clone()  # type: ignore[no-untyped-call]
            made = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
            made.set_(self._memory[key], tensor.storage_offset(), tensor.shape, tensor.stride())
        return made.requires_grad_(tensor.requires_grad)


def inputs_on_meta(value: Any, swaps: Swaps) -> Any:
    """Inputs with each floating-point tensor on meta. It requires grad as before.

    A tensor that is there twice, or that the model holds too, gets one meta tensor. The model may
    ask whether its keys are its queries. ``swaps``: those of the model.
    """
    made = dict(swaps)
    return pytree.tree_map_only(torch.Tensor, lambda each: _swap(each, made, meta_copy), value)


def inputs_apart(value: Any, swaps: Swaps) -> Any:
    """Inputs without the graph that made them, which belongs to the caller.

    A tensor that is there twice stays one. One that the model holds too is swapped as there.
    ``swaps``: those of the model.
    """
    made = dict(swaps)

    def apart(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.grad_fn is not None and id(tensor) not in made:
            made[id(tensor)] = tensor.detach().requires_grad_()
        return made.get(id(tensor), tensor)

    return pytree.tree_map_only(torch.Tensor, apart, value)


def _held(module: nn.Module) -> tuple[tuple[str, dict[str, Any]], ...]:
    """Where a module keeps its parameters and buffers."""
    return ("_parameters", module._parameters), ("_buffers", module._buffers)


def _swap(tensor: Any, swaps: Swaps, make: Makes) -> Any:
    """The other tensor, or the same one if it stays."""
    made = swaps.get(id(tensor))
    if made is not None:
        return made
    local = part(tensor) if is_shared(tensor) else tensor
    if type(local) not in _PLAIN or local.is_meta or local.layout is not torch.strided:
        return tensor
    made = make(local)
    if made is None:
        return tensor
    if local is not tensor:
        made = shared_as(tensor, made.detach())
    if isinstance(tensor, nn.Parameter):
        made = nn.Parameter(made, requires_grad=tensor.requires_grad)
    vars(made).update(vars(tensor))
    if tensor._backward_hooks:
        made._backward_hooks = tensor._backward_hooks.copy()
    swaps[id(tensor)] = made
    return made


def _replaced(value: Any, swaps: Swaps) -> Any:
    """A container with the other tensors in it; the same one if it holds none of the model's."""
    items = value.values() if isinstance(value, Mapping) else value
    if not any(id(each) in swaps for each in items):
        return value
    if isinstance(value, Mapping):
        return {key: swaps.get(id(each), each) for key, each in value.items()}
    return type(value)([swaps.get(id(each), each) for each in value])

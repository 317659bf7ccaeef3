"""The methods that ``add_flops_counting_methods`` of ptflops adds to a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from types import MethodType
from typing import Any, TextIO, TypeVar
from weakref import WeakKeyDictionary

from torch import nn
from torch.utils.hooks import RemovableHandle

from ...conventions import named
from ...core.trace import Call
from ...observe.specs import described
from ...pricing.one_call import price_of
from ...pricing.per_sample import length
from ...rules.entry import Entry
from ...rules.registry import Registry
from ..shared import refused, trainable
from .inputs import STDOUT_OF_IMPORT, stream
from .layers import Layers, hooked_under, unhooked

M = TypeVar("M", bound=nn.Module)


Total = Callable[[Layers], int]
"""What all layers of a model cost together."""


def _total(layers: Layers) -> int:
    return layers.total(layers.model)


@dataclass
class _Counted:
    """What the hooks on one model have counted so far, and under which convention."""

    convention: str = "ptflops-pytorch"
    total: Total = _total
    samples: int = 0
    flops: dict[int, int] = field(default_factory=dict)
    """By the identity of a module."""
    handles: list[RemovableHandle] = field(default_factory=list)


_counted: WeakKeyDictionary[nn.Module, _Counted] = WeakKeyDictionary()


def _of(model: nn.Module) -> _Counted:
    return _counted.setdefault(model, _Counted())


def add_flops_counting_methods(net_main_module: M) -> M:
    """Add the four methods to a model: to start, stop, reset, and to get the mean cost.

    >>> import torch
    >>> model = add_flops_counting_methods(nn.Linear(8, 4))
    >>> model.start_flops_count()
    >>> _ = model(torch.zeros(3, 8)), model(torch.zeros(1, 8))
    >>> model.compute_average_flops_cost()
    (36.0, 36)
    >>> model.stop_flops_count()
    """
    return with_methods(net_main_module, _Counted.convention, _total)


def with_methods(model: M, convention: str, total: Total) -> M:
    """The model with the four methods, which count under a convention."""
    for method in (
        start_flops_count,
        stop_flops_count,
        reset_flops_count,
        compute_average_flops_cost,
    ):
        vars(model)[method.__name__] = MethodType(method, model)
    counted = _of(model)
    counted.convention, counted.total = convention, total
    reset_flops_count(model)
    return model


def start_flops_count(
    self: nn.Module,
    ost: TextIO = STDOUT_OF_IMPORT,
    verbose: bool = False,
    ignore_list: Iterable[type] = (),
) -> None:
    """Count each forward from now on, by hooks on the modules. Functions do not count.

    ``ignore_list``: classes of modules that count nothing. ``verbose`` writes to ``ost`` which
    other classes count nothing.
    """
    counted = _of(self)
    convention = named(counted.convention)
    if counted.handles:
        return
    ignored, hooked = frozenset(ignore_list), hooked_under(convention)
    resolver = convention.resolver(Registry())
    counted.handles.append(self.register_forward_hook(partial(_note_samples, counted)))
    for module in self.modules():
        entry = resolver.module(module)
        if entry is not None and hooked(module) and type(module) not in ignored:
            hook = partial(_note, counted, entry)
            counted.handles.append(module.register_forward_hook(hook, with_kwargs=True))
    if verbose:
        for line in unhooked(self, hooked, ignored):
            print(line, file=stream(ost))


def stop_flops_count(self: nn.Module) -> None:
    """Remove the hooks. What they have counted stays until ``reset_flops_count``."""
    handles = _of(self).handles
    while handles:
        handles.pop().remove()


def reset_flops_count(self: nn.Module) -> None:
    """Forget what has been counted."""
    counted = _of(self)
    counted.samples = 0
    counted.flops.clear()


def compute_average_flops_cost(self: nn.Module) -> tuple[float, int]:
    """MACs of the modules for each sample of the first input, and the trainable parameters.

    Raises ``InputError`` before the first forward.
    """
    counted = _of(self)
    if not counted.samples:
        fix = "call start_flops_count(), then the model"
        raise refused("compute_average_flops_cost()", "no forward has been counted", fix)
    layers = Layers(self, hooked_under(named(counted.convention)), counted.flops)
    return counted.total(layers) / counted.samples, trainable(self)


def _note(
    counted: _Counted,
    entry: Entry,
    module: nn.Module,
    args: tuple[object, ...],
    kwargs: dict[str, object],
    out: object,
) -> None:
    call = Call(type(module), described(args), described(kwargs), described(out), module)
    ops = price_of("", call, entry, {})
    if ops is not None:
        figure = named(counted.convention).figure(ops)
        counted.flops[id(module)] = counted.flops.get(id(module), 0) + figure


def _note_samples(counted: _Counted, module: nn.Module, args: tuple[object, ...], out: Any) -> None:
    counted.samples += length(*described(args[:1]))

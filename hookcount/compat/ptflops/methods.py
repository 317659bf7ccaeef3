"""The methods that ``add_flops_counting_methods`` of ptflops adds to a model.

They count the modules of all forwards between ``start_flops_count`` and ``stop_flops_count``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from types import MethodType
from typing import Any, TextIO, TypeVar
from weakref import WeakKeyDictionary

from torch import nn
from torch.utils.hooks import RemovableHandle

from ...conventions import Convention
from ...core.trace import Call
from ...observe.specs import described
from ...pricing.one_call import price_of
from ...pricing.per_sample import length
from ...rules.entry import Entry
from ...rules.registry import Registry
from ..shared import refused, trainable
from .inputs import STDOUT_OF_IMPORT, stream
from .layers import Layers, Text, hooked_under, unhooked
from .pytorch_convention import pytorch_convention
from .pytorch_ops import CUSTOM_MODULES_MAPPING

M = TypeVar("M", bound=nn.Module)


Total = Callable[[Layers], int]
"""What all layers of a model cost together."""


def _total(layers: Layers) -> int:
    return layers.total(layers.model)


def _convention() -> Convention:
    return pytorch_convention((), dict(CUSTOM_MODULES_MAPPING))


@dataclass
class Counted:
    """What the hooks on one model have counted so far, and under which convention."""

    begin: Callable[[], Convention] = _convention
    """Makes the convention when a count begins."""
    total: Total = _total
    convention: Convention | None = None
    ignored: frozenset[type] = frozenset()
    samples: int = 0
    flops: dict[int, int] = field(default_factory=dict)
    """By the identity of a module."""
    handles: list[RemovableHandle] = field(default_factory=list)

    def layers(self, model: nn.Module) -> Layers:
        """The figures of the modules. Raises ``InputError`` before the first forward."""
        if self.convention is None or not self.samples:
            fix = "call add_flops_counting_methods(model), model.start_flops_count(), and the model"
            raise refused(type(model).__name__, "no forward has been counted", fix)
        return Layers(model, hooked_under(self.convention), self.flops, self.ignored)


_counted: WeakKeyDictionary[nn.Module, Counted] = WeakKeyDictionary()


def counted_of(model: nn.Module) -> Counted:
    """What was counted on a model."""
    return _counted.setdefault(model, Counted())


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
    return with_methods(net_main_module, _convention, _total)


def with_methods(model: M, begin: Callable[[], Convention], total: Total) -> M:
    """The model with the four methods, which count under the convention that ``begin`` makes."""
    for method in (
        start_flops_count,
        stop_flops_count,
        reset_flops_count,
        compute_average_flops_cost,
    ):
        vars(model)[method.__name__] = MethodType(method, model)
    counted = counted_of(model)
    counted.begin, counted.total = begin, total
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
    counted = counted_of(self)
    if counted.handles:
        return
    convention = counted.convention = counted.begin()
    ignored, hooked = frozenset(ignore_list), hooked_under(convention)
    counted.ignored = ignored
    resolver = convention.resolver(Registry())
    counted.handles.append(self.register_forward_hook(partial(_note_samples, counted)))
    for module in self.modules():
        entry = resolver.module(module)
        if entry is not None and hooked(module) and type(module) not in ignored:
            hook = partial(_note, counted.flops, entry, convention)
            counted.handles.append(module.register_forward_hook(hook, with_kwargs=True))
    if verbose:
        for line in unhooked(self, hooked, ignored):
            print(line, file=stream(ost))


def stop_flops_count(self: nn.Module) -> None:
    """Remove the hooks. What they have counted stays until ``reset_flops_count``."""
    handles = counted_of(self).handles
    while handles:
        handles.pop().remove()


def reset_flops_count(self: nn.Module) -> None:
    """Forget what has been counted."""
    counted = counted_of(self)
    counted.samples = 0
    counted.flops.clear()


def compute_average_flops_cost(self: nn.Module) -> tuple[float, int]:
    """MACs of the modules for each sample of the first input, and the trainable parameters.

    Raises ``InputError`` before the first forward.
    """
    counted = counted_of(self)
    return counted.total(counted.layers(self)) / counted.samples, trainable(self)


def print_model_with_flops(
    model: nn.Module,
    total_flops: float,
    total_params: int,
    flops_units: str | None = "GMac",
    param_units: str | None = "M",
    precision: int = 3,
    ost: TextIO = STDOUT_OF_IMPORT,
) -> None:
    """Write the text of a model that has counted forwards, with each module's share of the totals.

    Raises ``InputError`` before the first forward.
    """
    counted = counted_of(model)
    units = flops_units, param_units
    layers = counted.layers(model)
    text = Text(layers, counted.samples, total_flops, total_params, *units, precision)
    text.print(stream(ost))


def _note(
    flops: dict[int, int],
    entry: Entry,
    convention: Convention,
    module: nn.Module,
    args: tuple[object, ...],
    kwargs: dict[str, object],
    out: object,
) -> None:
    call = Call(type(module), described(args), described(kwargs), described(out), module)
    ops = price_of("", call, entry, {})
    if ops is not None:
        flops[id(module)] = flops.get(id(module), 0) + convention.figure(ops)


def _note_samples(counted: Counted, module: nn.Module, args: tuple[object, ...], out: Any) -> None:
    counted.samples += length(*described(args[:1]))

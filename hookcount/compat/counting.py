"""Counts of a model in the convention of another tool."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from torch import nn

from ..conventions import Convention, named
from ..core.trace import ModuleRun, Trace
from ..counter import Counter
from ..observe.in_turn import turn_for
from ..observe.model import checked
from ..observe.run import How, on_meta
from ..report import Report
from ..rules.registry import FREE, Formula, Registry, State, Target, target_name

Price = Formula | State
"""What a registry takes as the price of a target."""


def register_ops(layer: Registry, prices: Mapping[Target, Price], under: Convention) -> None:
    """Give ``layer`` a price for each op in ``prices``.

    The in-place form of such an op is another op, as in the tools. It keeps the price that it has
    under the convention ``under``.
    """
    for op, price in prices.items():
        layer.register(op, price)
    for name in map(target_name, prices):
        in_place = f"{name}_"
        if "." not in name and not name.endswith("_") and in_place not in layer:
            layer.register(in_place, _price_under(under, in_place, name))


def _price_under(convention: Convention, *names: str) -> Price:
    for layer in convention.formulas.layers() if convention.formulas is not None else ():
        for name in names:
            entry = layer.get(name)
            if entry is not None and entry.price is not None:
                return entry.price
    return FREE


def with_layer(convention: Convention | str, layer: Registry) -> Convention:
    """The convention with ``layer`` on top: the formulas of ``layer`` answer first."""
    convention = named(convention)
    return replace(
        convention,
        formulas=layer if convention.formulas is None else layer.over(convention.formulas),
    )


def observed(
    model: nn.Module,
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
    convention: Convention,
    *,
    run: How,
) -> Report:
    """One count under a convention, without hookcount's warning of uncounted work.

    ``run`` is that of a ``Counter``. It is ``"shapes"`` if the model or an input is on meta. The
    run replaces the functions that the convention's tool replaces.
    """
    if on_meta(checked(model), args, kwargs):
        run = "shapes"
    counter = counter_for(convention, run)
    return Report(counter.priced(model, args, dict(kwargs), convention))


def counter_for(convention: Convention, run: How = "auto") -> Counter:
    """A counter whose runs replace the functions that the convention's tool replaces."""
    runner = Counter(run=run).runner
    return Counter.of(replace(runner, functions=frozenset(convention.replaced or ())))


def run_by_itself(trace: Trace, run: ModuleRun) -> Trace:
    """A trace with one run of ``trace``: without its parent, and without ops outside of modules."""
    return replace(trace, runs=(run._replace(parent=None),), outside=(), outside_whole=())


def modules_at(model: nn.Module) -> dict[str, nn.Module]:
    """The module at each path of a report. A module in a wrapper is at the wrapper's path."""
    return dict(checked(model).walked)


def depth_of(path: str) -> int:
    """The number of names in a module's path.

    >>> depth_of(""), depth_of("layer1.0.conv1")
    (0, 3)
    """
    return path.count(".") + 1 if path else 0


@contextmanager
def keeping_modes(model: nn.Module) -> Iterator[None]:
    """After the block, each module is in train or eval mode as before.

    Each flag is set by itself, because ``train()`` of a model may do more than set flags. Counts of
    the model in other threads wait.
    """
    with turn_for(model.modules()):
        before = [(module, module.training) for module in model.modules()]
        try:
            yield
        finally:
            for module, training in before:
                if module.training is not training:
                    module.training = training


@contextmanager
def in_eval_mode(model: nn.Module) -> Iterator[None]:
    """Eval mode for the block, by setting only the flags of the modules.

    Raises ``ModelError`` for a value that is no model.
    """
    checked(model)
    with keeping_modes(model):
        for module in model.modules():
            if module.training:
                module.training = False
        yield

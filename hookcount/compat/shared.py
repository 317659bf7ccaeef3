"""What the front doors share: a count in another tool's convention, and handlers in another tool's form as formulas.

A handler is asked when the trace is priced, not while the model runs: it gets a stand-in of the module and tensors on the meta
device, of the shapes and dtypes that were seen. So it cannot touch the model, and it cannot read values.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import isfinite, ulp
from numbers import Integral, Real
from typing import Any

import torch
from torch import nn

from ..conventions import Convention, named
from ..core.errors import FormulaError, InputError, place, tell
from ..core.ops import Ops
from ..core.trace import Call, Spec
from ..counter import Counter
from ..observe.model import checked
from ..observe.run import How
from ..observe.shapes_run.shapes import model_data
from ..report import Report
from ..rules.binding import CallFormula
from ..rules.registry import FREE, Registry, target_name

Handler = Callable[..., Any]
Ask = Callable[[Handler, str, Call], Any]


@dataclass(frozen=True, eq=False)
class Handled(CallFormula):
    """A handler as a formula. ``ask(handler, path, call)`` gives it what its tool would, and gives back what it counted."""

    handler: Handler
    ask: Ask

    def __call__(self, path: str, call: Call) -> Ops:
        where = place(
            path, target_name(call.target) if call.module is None else type(call.module).__name__
        )
        try:
            count = self.ask(self.handler, path, call)
        except Exception as error:
            what = f"the handler {self} raised {type(error).__name__}: {error}"
            fix = "it is given tensors on the meta device, of the right shapes and without values: let it use shapes, dtypes and "
            raise FormulaError(
                tell(where, what, fix + "the module's own attributes alone")
            ) from error
        try:
            return Ops(macs=whole(count))
        except ValueError as error:
            what = f"the handler {self} counted {count!r}, which {error}"
            raise FormulaError(
                tell(where, what, "let it count whole operations, say with int(...) or //")
            ) from error

    def __repr__(self) -> str:
        return handler_name(self.handler)


def handler_name(handler: Handler) -> str:
    """``count_scale (rules.py:12)``."""
    name = getattr(handler, "__qualname__", None) or type(handler).__qualname__
    code = getattr(handler, "__code__", None)
    return f"{name} ({code.co_filename}:{code.co_firstlineno})" if code else name


def whole(count: Any) -> int:
    """An int of a number, or of a tensor of one element. A float is taken for whole where rounding alone made it otherwise.

    Raises ``ValueError``, its text to follow "which", for a fraction, a negative and what is no number.
    """
    if isinstance(count, torch.Tensor):
        if count.is_meta:
            raise ValueError("is a tensor without values")
        if count.numel() != 1:
            raise ValueError("is not one number")
        count = count.item()
    if type(count) is bool or not isinstance(count, Real):
        raise ValueError("is no number")
    if isinstance(count, Integral):
        found = int(count)
    else:
        number = float(count)
        if not isfinite(number) or abs(number - round(number)) > 4 * ulp(number):
            raise ValueError("is not a whole number")
        found = round(number)
    if found < 0:
        raise ValueError("is negative")
    return found


def on_meta(value: Any) -> Any:
    """A call's arguments or output with each ``Spec`` as a meta tensor; structures are kept."""
    if isinstance(value, Spec):
        return torch.empty(value.shape, dtype=value.dtype, device="meta")
    if isinstance(value, tuple):
        items = [on_meta(item) for item in value]
        return (
            type(value)._make(items)
            if hasattr(value, "_make")
            else value
            if type(value) is torch.Size
            else tuple(items)
        )
    if isinstance(value, list):
        return [on_meta(item) for item in value]
    if isinstance(value, Mapping):
        return {key: on_meta(item) for key, item in value.items()}
    if isinstance(value, types.SimpleNamespace):
        return types.SimpleNamespace(**on_meta(vars(value)))
    return value


def asked_by_hook(attribute: str, zero: Callable[[], Any]) -> Ask:
    """How a tool of module hooks asks: ``handler(module, args, out)``, which adds to ``module.<attribute>``."""

    def ask(handler: Handler, path: str, call: Call) -> Any:
        module = _copy(call.module)
        vars(module)[attribute] = zero()
        handler(module, on_meta(call.args), on_meta(call.out))
        return getattr(module, attribute)

    return ask


def _copy(module: nn.Module) -> nn.Module:
    """A module of its own to write to: stand-ins are shared by all equal modules."""
    made: nn.Module = object.__new__(type(module))
    vars(made).update(
        {
            name: dict(value) if type(value) is dict else value
            for name, value in vars(module).items()
        }
    )
    return made


def hooks(given: Mapping[Any, Handler], of: str) -> Mapping[type[nn.Module], Handler]:
    """``given``, if it is handlers by module class. Raises ``InputError`` that names the parameter ``of``."""
    for target, handler in given.items():
        strange = None if callable(handler) else f"{handler!r} is no function"
        if not (isinstance(target, type) and issubclass(target, nn.Module)):
            strange = f"{target!r} is no module class"
        if strange:
            raise InputError(f"{of}: {strange}. To fix it: give {{nn.Module class: function}}.")
    return given


def register_ops(layer: Registry, prices: Mapping[Any, Any], under: Convention) -> None:
    """Give ``layer`` a price for each op of these. The forms of them that write in place are ops of their own, as in the tools,
    and keep the price that they have under the convention ``under``.
    """
    for op, price in prices.items():
        layer.register(op, price)
    for name in map(target_name, prices):
        in_place = f"{name}_"
        if "." not in name and not name.endswith("_") and in_place not in layer:
            layer.register(in_place, _price_under(under, in_place, name))


def _price_under(convention: Convention, *names: str) -> Any:
    for layer in convention.formulas.layers() if convention.formulas is not None else ():
        for name in names:
            entry = layer.get(name)
            if entry is not None:
                return entry.price
    return FREE


def with_layer(convention: Convention | str, layer: Registry) -> Convention:
    """The convention with formulas that answer before its own."""
    convention = named(convention)
    return replace(
        convention,
        formulas=layer if convention.formulas is None else layer.over(convention.formulas),
    )


def observed(
    model: nn.Module,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    convention: Convention,
    *,
    run: How,
) -> Report:
    """One count under a convention, without a warning of what hookcount's own would leave out. ``run`` as a ``Counter``'s; where
    the model or an input is on the meta device, shapes alone.
    """
    if any(tensor.is_meta for tensor in model_data(checked(model), (args, kwargs))):
        run = "shapes"
    return Report(Counter(run=run).priced(model, args, dict(kwargs), convention))


@contextmanager
def in_eval_mode(model: nn.Module) -> Iterator[None]:
    """Eval mode for the block. Flags alone are set, and put back one by one: a model's own ``train()`` may do more than that."""
    checked(model)
    training = [module for module in model.modules() if module.training]
    try:
        for module in training:
            module.training = False
        yield
    finally:
        for module in training:
            module.training = True

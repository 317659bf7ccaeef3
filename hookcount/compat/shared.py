"""What the front doors share: handlers as formulas, and errors for options.

A *handler* is a user's function in the form that another tool takes. It runs when the trace is
priced, not while the model runs. It gets a stand-in of the module, and tensors on the meta device
with the shapes and dtypes of the run. It therefore cannot change the model, nor read values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite, ulp
from numbers import Integral, Real
from typing import Any, TypeGuard

import torch
from torch import nn

from ..core.errors import FormulaError, InputError, error_text, module_at
from ..core.ops import Ops
from ..core.structures import changed
from ..core.trace import Call, Spec
from ..rules.binding import CallFormula
from ..rules.registry import target_name

Handler = Callable[..., object]
"""A user's function. Its parameters and its result are those that another tool asks for."""

Invoke = Callable[[Handler, str, Call], object]
"""``invoke(handler, path, call)`` calls a handler as its tool would, and returns its count."""


def refused(where: str, what: str, fix: str) -> InputError:
    """An ``InputError`` that says where, what is wrong, and how to fix it, in one line.

    >>> print(refused("profile(inputs=3)", "this is no tuple", "give inputs=(x,)"))
    profile(inputs=3): this is no tuple. To fix it: give inputs=(x,).
    """
    return InputError(f"{where}: {what}. To fix it: {fix}.")


def one_of(where: str, value: object, options: Sequence[str]) -> str:
    """``value``, if it equals one of ``options``. Raises ``InputError`` for any other value."""
    for option in options:
        if value == option:
            return option
    raise refused(where, "there is no such value", f"use {', '.join(map(repr, options))}")


@dataclass(frozen=True, eq=False)
class Handled(CallFormula):
    """A handler as a formula."""

    handler: Handler
    invoke: Invoke

    def __call__(self, path: str, call: Call) -> Ops:
        """The handler's count of one call, as MACs.

        Raises ``FormulaError`` if the handler raises, or if its count is not a whole number.
        """
        called = target_name(call.target) if call.module is None else type(call.module).__name__
        where = module_at(path, called)
        try:
            count = self.invoke(self.handler, path, call)
        except Exception as error:
            what = f"the handler {self} raised {type(error).__name__}: {error}"
            fix = (
                "use only shapes, dtypes and attributes of the module. "
                "A handler gets tensors on the meta device, without values"
            )
            raise FormulaError(error_text(where, what, fix)) from error
        try:
            return Ops(macs=whole(count))
        except ValueError as error:
            what = f"the handler {self} counted {count!r}, which {error}"
            fix = "count whole operations in the handler, for example with int(...) or //"
            raise FormulaError(error_text(where, what, fix)) from error

    def __repr__(self) -> str:
        return handler_name(self.handler)


def handler_name(handler: Handler) -> str:
    """The name of a handler and its place in the code: ``count_scale (rules.py:12)``."""
    name = getattr(handler, "__qualname__", None) or type(handler).__qualname__
    code = getattr(handler, "__code__", None)
    return f"{name} ({code.co_filename}:{code.co_firstlineno})" if code else name


def is_number(value: object) -> TypeGuard[Real]:
    """Whether a handler's count is a real number. A bool is not."""
    return isinstance(value, Real) and not isinstance(value, bool)


def whole(count: object) -> int:
    """The int in a number, or in a tensor with one element.

    A float counts as whole if only rounding made it a fraction: within 4 units in the last place.
    Raises ``ValueError`` for a fraction, for a negative number, and for any other value. The text
    of the error continues a sentence that ends with "which".
    """
    if isinstance(count, torch.Tensor):
        if count.is_meta:
            raise ValueError("is a tensor without values")
        if count.numel() != 1:
            raise ValueError("is not one number")
        count = count.item()
    if not is_number(count):
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


def mapped(value: object, change: Callable[[object], object]) -> Any:
    """A structure of the same form as ``value``, with ``change`` applied to each leaf.

    See ``core.structures.changed``. Any other value is a leaf, also a ``torch.Size``.
    """
    if type(value) is torch.Size:
        return change(value)
    made = changed(value, partial(mapped, change=change))
    return change(value) if made is NotImplemented else made


def on_meta(value: object) -> Any:
    """A call's arguments or output, with each ``Spec`` as a tensor on the meta device."""
    return mapped(value, _meta_tensor)


def _meta_tensor(value: object) -> object:
    if isinstance(value, Spec):
        return torch.empty(value.shape, dtype=value.dtype, device="meta")
    return value


def invoked_as_hook(
    attribute: str, zero: Callable[[], object], others: Sequence[str] = ()
) -> Invoke:
    """How a tool of module hooks calls a handler: ``handler(module, args, out)``.

    The handler adds to ``module.<attribute>``, which starts at ``zero()``. ``others`` are further
    attributes that the tool gives to the module. They too start at ``zero()``.
    """

    def invoke(handler: Handler, path: str, call: Call) -> object:
        module = _copy(call.module)
        for name in (attribute, *others):
            vars(module)[name] = zero()
        handler(module, on_meta(call.args), on_meta(call.out))
        return getattr(module, attribute)

    return invoke


def _copy(module: nn.Module) -> nn.Module:
    """A copy of a stand-in that a handler may write to. Equal modules share one stand-in."""
    made: nn.Module = object.__new__(type(module))
    vars(made).update(
        {
            name: dict(value) if type(value) is dict else value
            for name, value in vars(module).items()
        }
    )
    return made


def checked_hooks(given: Mapping[Any, Handler], where: str) -> Mapping[type[nn.Module], Handler]:
    """``given``, if each key is a module class and each value a function.

    Raises ``InputError`` otherwise. ``where`` names the parameter in its message.
    """
    for target, handler in checked_hooks_or_none(given, where).items():
        if handler is None:
            raise refused(where, f"the function for {target.__name__} is None", _HOOKS)
    return given


def checked_hooks_or_none(
    given: Mapping[Any, Handler | None], where: str
) -> Mapping[type[nn.Module], Handler | None]:
    """As ``checked_hooks``. A class with None has no hook."""
    if not isinstance(given, Mapping):
        raise refused(where, f"{type(given).__name__} is no dict", _HOOKS)
    for target, handler in given.items():
        if not (isinstance(target, type) and issubclass(target, nn.Module)):
            raise refused(where, f"{target!r} is no module class", _HOOKS)
        if handler is not None and not callable(handler):
            raise refused(where, f"{handler!r} is no function", _HOOKS)
    return given


_HOOKS = "give {nn.Module class: function}"

_STEPS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "K"))


def in_units(
    nums: float | Iterable[float], format: str, fits: Callable[[float, float], bool]
) -> str | tuple[str, ...]:
    """Each number in the largest of the units T, G, M and K that fits it, else with a ``B``.

    ``fits(number, unit)`` decides. The result is a text for one number, and a tuple of texts for
    several.
    """

    def text(number: float) -> str:
        step, name = next((each for each in _STEPS if fits(number, each[0])), (1, "B"))
        return format % (number / step if step > 1 else number) + name

    texts = [text(number) for number in (nums if isinstance(nums, Iterable) else (nums,))]
    return texts[0] if len(texts) == 1 else tuple(texts)


def trainable(model: nn.Module) -> int:
    """The number of elements of the parameters that need gradients."""
    return sum(each.numel() for each in model.parameters() if each.requires_grad)

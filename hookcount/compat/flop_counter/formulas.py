"""The user's formulas: those of ``custom_mapping``, and those that are registered with torch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils import flop_counter
from torch.utils._pytree import tree_map

from ...core.errors import FormulaError, error_text
from ..shared import handler_name, refused

Function = Callable[..., int]
"""``function(*shapes, out_shape=shape, **others)`` gives the FLOPs of a call.

With a true attribute ``_get_raw`` it gets the tensors, and the result as ``out_val``.
"""


@dataclass(frozen=True)
class Formula:
    """A function of the user. ``raw``: it takes tensors, not their shapes."""

    function: Function
    raw: bool

    def flops(self, packet: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], out: Any) -> int:
        """The FLOPs of a call. Raises ``FormulaError`` if the function fails, or gives no int."""
        try:
            if self.raw:
                found = self.function(*args, **kwargs, out_val=out)
            else:
                args, kwargs, shape = tree_map(_shape, (args, kwargs, out))
                found = self.function(*args, **kwargs, out_shape=shape)
            return found.__index__()
        except Exception as error:
            name = handler_name(inspect.unwrap(self.function))
            what = f"the formula {name} raised {type(error).__name__}: {error}"
            fix = "return the FLOPs of one call as an int, and take *shapes and out_shape"
            raise FormulaError(error_text(str(packet), what, fix)) from error


Formulas = Mapping[Any, Formula]
"""By op (``torch.ops.aten.add``), the user's formula."""


def registered() -> Formulas:
    """The formulas in torch's registry that are not torch's own.

    ``torch.utils.flop_counter.register_flop_formula`` puts them there.
    """
    return {
        op: Formula(function, raw=True)
        for op, function in flop_counter.flop_registry.items()
        if getattr(function, "__module__", None) != flop_counter.__name__
    }


def checked(custom: Mapping[Any, Function]) -> Formulas:
    """The formulas of ``custom_mapping``. Raises ``InputError`` unless it maps ops to functions."""
    where, fix = "FlopCounterMode(custom_mapping=...)", "give {torch.ops.aten.add: function}"
    if not isinstance(custom, Mapping):
        raise refused(where, f"this is of type {type(custom).__name__}", fix)
    for target, function in custom.items():
        if not isinstance(target, torch._ops.OpOverloadPacket):
            raise refused(where, f"{target!r} is no op", fix)
        if not callable(function):
            raise refused(where, f"{function!r} is no function", fix)
    return {
        target: Formula(function, raw=bool(getattr(function, "_get_raw", False)))
        for target, function in custom.items()
    }


def _shape(value: Any) -> Any:
    return value.shape if isinstance(value, torch.Tensor) else value

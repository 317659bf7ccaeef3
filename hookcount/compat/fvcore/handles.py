"""Handles of one's own in fvcore's form: what they are given, and what they may be set for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any

from ...core.errors import FormulaError, InputError, place, tell
from ...core.trace import Call
from ..jit.run import CONVOLUTIONS, OPENED, kind
from ..jit.values import Value, values

Handle = Callable[[list[Any], list[Any]], Any]
"""``handle(inputs, outputs)`` gives a number, or a mapping of names to numbers, for one call of an op."""


def asked(handle: Handle, call: Call, path: str) -> dict[str, Any]:
    """What a handle says of an op's call, by name. Raises ``FormulaError`` where it raises or gives what is no number."""
    name = kind(call.target)
    inputs, outputs = values(call)
    try:
        told = handle(inputs, outputs)
    except Exception as error:
        raise FormulaError(
            _complaint(path, name, inputs, f"raised {type(error).__name__}: {error}")
        ) from error
    figures = dict(told) if isinstance(told, Mapping) else {name.partition("::")[2]: told}
    for each in figures.values():
        if type(each) is bool or not isinstance(each, Real):
            raise FormulaError(_complaint(path, name, inputs, f"gave {each!r}, which is no number"))
    return {
        key: int(each) if isinstance(each, Integral) else float(each)
        for key, each in figures.items()
    }


def _complaint(path: str, name: str, inputs: list[Value], what: str) -> str:
    given = ", ".join(
        str(each.type().sizes() if each.isCompleteTensor() else each.held) for each in inputs
    )
    fix = "take lists of inputs and outputs and return a number, or a Counter of names and numbers"
    return tell(place(path), f"the handle for {name} {what}; its inputs were ({given})", fix)


def checked_name(name: Any) -> str:
    """The name of an op that a handle may be set for. Raises ``InputError`` for one that no op here has."""
    if not isinstance(name, str) or "::" not in name:
        raise InputError(
            f"set_op_handle({name!r}): no op's name. To fix it: give it with its namespace, such as 'aten::add'."
        )
    if name.startswith("prim::"):
        raise InputError(
            f"set_op_handle({name!r}): there is no jit graph here; an autograd.Function and a scripted function are seen as the "
            "ops that they run. To fix it: set handles for those, or register the module's formula with hookcount.register."
        )
    if name in CONVOLUTIONS or name == "aten::convolution":
        raise InputError(
            f"set_op_handle({name!r}): every convolution is an 'aten::_convolution'. To fix it: name that."
        )
    if name in OPENED:
        raise InputError(
            f"set_op_handle({name!r}): it is seen as the ops that it runs. To fix it: name these, 'aten::linear' say."
        )
    return name

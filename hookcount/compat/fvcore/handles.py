"""A user's handles in the form of fvcore."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Integral
from typing import Any

from ...core.errors import FormulaError, error_text, module_at
from ...core.trace import Call
from ..jit.names import jit_name
from ..jit.values import Value, values
from ..shared import is_number

Handle = Callable[[list[Any], list[Any]], object]
"""``handle(inputs, outputs)`` counts one call of an op.

It returns a number, or a mapping of names to numbers.
"""

Figures = dict[str, Any]
"""Figures by name: ints, or floats from a handle."""


def figures_from(handle: Handle, call: Call, path: str) -> Figures:
    """The figures of a handle for an op's call at a module's path.

    Raises ``FormulaError`` if the handle raises, or if a figure is no number.
    """
    name = jit_name(call.target)
    inputs, outputs = values(call)
    try:
        count = handle(inputs, outputs)
    except Exception as error:
        what = f"raised {type(error).__name__}: {error}"
        raise FormulaError(_message(path, name, inputs, what)) from error
    by_name = count if isinstance(count, Mapping) else {name.partition("::")[2]: count}
    figures: Figures = {}
    for key, figure in by_name.items():
        if not is_number(figure):
            what = f"returned {figure!r}, which is no number"
            raise FormulaError(_message(path, name, inputs, what))
        figures[key] = int(figure) if isinstance(figure, Integral) else float(figure)
    return figures


def _message(path: str, name: str, inputs: list[Value], what: str) -> str:
    given = ", ".join(
        str(each.type().sizes() if each.isCompleteTensor() else each.held) for each in inputs
    )
    fix = "take lists of inputs and outputs and return a number, or a Counter of names and numbers"
    return error_text(
        module_at(path), f"the handle for {name} {what}; its inputs were ({given})", fix
    )

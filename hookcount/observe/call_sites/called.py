"""Finds the name by which code called a function of torch.

``torch.matmul(x, y)`` and ``x @ y`` run the same ops and differ only in the calling code. A frame
knows its current instruction. The interpreter pushes the called function on the stack before
the arguments. So the stack height before each instruction identifies the one that named it.
"""

from __future__ import annotations

import dis
from bisect import bisect_right
from types import CodeType, FrameType, ModuleType
from typing import Any, NamedTuple

from ...core.lifetimes import ByIdentity

UNKNOWN = ""

_OPERATORS = {"BINARY_MATRIX_MULTIPLY": "@", "INPLACE_MATRIX_MULTIPLY": "@="}
_ALL_ARGUMENTS_ARE_COUNTED = {"CALL_FUNCTION", "CALL_METHOD", "PRECALL", "CALL"}
_AND_A_TUPLE_OF_NAMES = {"CALL_FUNCTION_KW", "CALL_KW"}
_MAKE_ONE_OF_MORE = ("LOAD_ATTR", "BINARY_", "CALL")
"""How the names of steps begin that take values from the stack and leave one."""
_ATTRIBUTES = {"LOAD_ATTR", "LOAD_METHOD"}
_LOCAL = {"LOAD_FAST", "LOAD_FAST_BORROW", "LOAD_FAST_CHECK", "LOAD_DEREF"}


class Step(NamedTuple):
    """One bytecode instruction."""

    name: str
    number: int
    """The argument as a number."""
    means: Any
    """The argument's meaning: a variable's name, a constant, an operator."""
    height: int
    """The stack height before the instruction. Only differences within one expression are exact."""


_steps_of: ByIdentity[tuple[list[int], list[Step]]] = ByIdentity()
"""The offsets of the steps of a code object, and the steps."""


def called(frame: FrameType) -> str:
    """The name of the function that ``frame`` is calling, as the code writes it.

    - An attribute of a module or class: the full name, ``"torch.nn.functional.linear"``. It begins
      with the module's own name, not with an alias. The module may be in a local variable.
    - A global name: the name after that of the calling module.
    - An attribute of any other value: ``".matmul"``.
    - The operator for matrix products: ``"@"`` or ``"@="``.
    - Anything else (a local variable, another operator, a decorator): the empty string.
    """
    offsets, steps = _steps(frame.f_code)
    # f_lasti may point behind the instruction, into its inline cache
    at = bisect_right(offsets, frame.f_lasti) - 1
    if at < 0:
        return UNKNOWN
    step = steps[at]
    if step.name == "BINARY_OP":
        return "@" if step.means == "@" else "@=" if step.means == "@=" else UNKNOWN
    if step.name in _OPERATORS:
        return _OPERATORS[step.name]
    last = _callee(steps, at)
    return UNKNOWN if last is None else _full_name(steps, last, frame)


def _steps(code: CodeType) -> tuple[list[int], list[Step]]:
    known = _steps_of.get(code)
    return _steps_of.put(code, _read(code)) if known is None else known


def _read(code: CodeType) -> tuple[list[int], list[Step]]:
    offsets: list[int] = []
    steps: list[Step] = []
    arrives: dict[int, int] = {}  # by the target of a jump: the stack height there
    height = 0
    for each in dis.get_instructions(code):
        height = arrives.get(each.offset, height)
        number = each.arg or 0
        given = each.arg if each.opcode >= dis.HAVE_ARGUMENT else None
        if each.opcode in dis.hasjrel or each.opcode in dis.hasjabs:
            arrives.setdefault(
                each.argval, height + dis.stack_effect(each.opcode, given, jump=True)
            )
        if each.opname not in ("EXTENDED_ARG", "CACHE"):
            offsets.append(each.offset)
            steps.append(
                Step(
                    each.opname,
                    number,
                    each.argrepr if each.opname == "BINARY_OP" else each.argval,
                    height,
                )
            )
        height += dis.stack_effect(each.opcode, given, jump=False)
    return offsets, steps


def _callee(steps: list[Step], at: int) -> int | None:
    """The position of the step that named the function which the step ``at`` calls.

    None if the step ``at`` is no call.
    """
    if steps[at].name == "CALL" and at and steps[at - 1].name == "PRECALL":
        at -= 1
    call = steps[at]
    if call.name in _ALL_ARGUMENTS_ARE_COUNTED:
        arguments = call.number
    elif call.name in _AND_A_TUPLE_OF_NAMES:
        arguments = call.number + 1
    elif call.name == "CALL_FUNCTION_EX":
        arguments = 1 + (call.number & 1)
    else:
        return None
    filled = call.height - arguments
    last = next((each for each in range(at - 1, -1, -1) if _is_below(steps, each, filled)), None)
    while last and steps[last].name == "PUSH_NULL":
        last -= 1
    return last


def _is_below(steps: list[Step], position: int, filled: int) -> bool:
    """Whether a step works on the part of the stack below the height ``filled``."""
    step = steps[position]
    if step.height < filled:
        return True
    return step.name.startswith(_MAKE_ONE_OF_MORE) and steps[position + 1].height <= filled


def _full_name(steps: list[Step], last: int, frame: FrameType) -> str:
    """The name that the steps up to ``last`` spell in a frame."""
    step, names = steps[last], frame.f_globals
    if step.name in ("LOAD_GLOBAL", "LOAD_NAME"):
        return f"{names.get('__name__')}.{step.means}"
    if step.name not in _ATTRIBUTES:
        return UNKNOWN
    first = last
    while steps[first].name in _ATTRIBUTES:
        first -= 1
    value: object = None
    if steps[first].name in ("LOAD_GLOBAL", "LOAD_NAME"):
        value = names.get(steps[first].means)
    elif steps[first].name in _LOCAL:
        found = frame.f_locals.get(steps[first].means)
        value = found if isinstance(found, ModuleType) else None
    for between in steps[first + 1 : last]:
        value = vars(value).get(between.means) if isinstance(value, ModuleType) else None
    if isinstance(value, ModuleType):
        return f"{value.__name__}.{step.means}"
    return (
        f"{value.__module__}.{value.__qualname__}.{step.means}"
        if isinstance(value, type)
        else f".{step.means}"
    )

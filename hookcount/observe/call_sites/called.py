"""Finds the name by which code called a function of torch.

``torch.matmul(x, y)`` and ``x @ y`` run the same ops and differ only in the calling code. A frame
knows its current instruction. The interpreter pushes the called function on the stack before
the arguments. So the stack height before each instruction identifies the one that named it.
"""

from __future__ import annotations

import dis
import sys
from bisect import bisect_right
from types import CodeType, FrameType, ModuleType
from typing import NamedTuple

from ...core.lifetimes import ByIdentity

UNKNOWN = ""

_OPERATORS = {"BINARY_MATRIX_MULTIPLY": "@", "INPLACE_MATRIX_MULTIPLY": "@="}
_BINARY_OPERATORS = {4: "@", 17: "@="}
"""By the argument of a ``BINARY_OP``. Python 3.11 and later have it."""
_ALL_ARGUMENTS_ARE_COUNTED = {"CALL_FUNCTION", "CALL_METHOD", "PRECALL", "CALL"}
_AND_A_TUPLE_OF_NAMES = {"CALL_FUNCTION_KW", "CALL_KW"}
_MAKE_ONE_OF_MORE = ("LOAD_ATTR", "BINARY_", "CALL")
"""How the names of steps begin that take values from the stack and leave one."""
_ATTRIBUTES = {"LOAD_ATTR", "LOAD_METHOD"}
_LOCAL = {"LOAD_FAST", "LOAD_FAST_BORROW", "LOAD_FAST_CHECK", "LOAD_DEREF"}
_CACHE = dis.opmap.get("CACHE")
_JUMPS = frozenset((*dis.hasjrel, *dis.hasjabs))
_SEPARATE = sys.version_info < (3, 11)
"""Whether cells are numbered apart from the other local variables."""
_OF_NAMES = {
    "LOAD_NAME": 0,
    "LOAD_GLOBAL": 0 if _SEPARATE else 1,
    "LOAD_ATTR": 1 if sys.version_info >= (3, 12) else 0,
    "LOAD_METHOD": 0,
}
"""The steps whose argument is a name, with the number of bits below the name's number."""


class Step(NamedTuple):
    """One bytecode instruction."""

    name: str
    number: int
    """The argument as a number."""
    height: int
    """The stack height before the instruction. Only differences within one expression are exact."""

    def means(self, code: CodeType) -> str:
        """The name that the argument refers to. Empty for an argument that is no name."""
        if self.name in _OF_NAMES:
            return code.co_names[self.number >> _OF_NAMES[self.name]]
        if self.name in _LOCAL:
            cells = [each for each in code.co_cellvars if _SEPARATE or each not in code.co_varnames]
            own = () if _SEPARATE and self.name == "LOAD_DEREF" else code.co_varnames
            return (*own, *cells, *code.co_freevars)[self.number]
        return UNKNOWN


_known: ByIdentity[tuple[list[int], list[Step]]] = ByIdentity()


def called(frame: FrameType) -> str:
    """The name of the function that ``frame`` is calling, as the code writes it.

    - An attribute of a module or class: the full name, ``"torch.nn.functional.linear"``. It begins
      with the module's own name, not with an alias. The module may be in a local variable.
    - A global name: the name after that of the calling module.
    - An attribute of any other value: ``".matmul"``.
    - The operator for matrix products: ``"@"`` or ``"@="``.
    - Anything else (a local variable, another operator, a decorator): the empty string.
    """
    offsets, steps = steps_of(frame.f_code)
    # f_lasti may point behind the instruction, into its inline cache
    at = bisect_right(offsets, frame.f_lasti) - 1
    if at < 0:
        return UNKNOWN
    step = steps[at]
    if step.name == "BINARY_OP":
        return _BINARY_OPERATORS.get(step.number, UNKNOWN)
    if step.name in _OPERATORS:
        return _OPERATORS[step.name]
    last = _callee(steps, at)
    return UNKNOWN if last is None else _full_name(steps, last, frame)


def steps_of(code: CodeType) -> tuple[list[int], list[Step]]:
    """The offsets of a code object's steps, and the steps."""
    known = _known.get(code)
    return _known.put(code, _read(code)) if known is None else known


def _read(code: CodeType) -> tuple[list[int], list[Step]]:
    """The offsets of a code object's steps, and the steps.

    ``dis.get_instructions`` finds more about each, and takes eight times as long.
    """
    raw = code.co_code
    offsets: list[int] = []
    steps: list[Step] = []
    arrives: dict[int, int] = {}  # by the target of a jump: the stack height there
    height = begin = more = 0  # more: the upper bits of the argument, from the steps before
    for offset in range(0, len(raw), 2):
        op = raw[offset]
        if op == _CACHE:
            continue
        height = arrives.get(offset, height)
        number = more | raw[offset + 1]
        if op == dis.EXTENDED_ARG:
            begin, more = (begin if more else offset), number << 8
            continue
        begin = begin if more else offset
        given = number if op >= dis.HAVE_ARGUMENT else None
        if op in _JUMPS:
            (target,) = dis.findlabels(raw[begin : offset + 2])  # type: ignore[arg-type]
            target += 0 if op in dis.hasjabs else begin
            arrives.setdefault(target, height + dis.stack_effect(op, given, jump=True))
        offsets.append(offset)
        steps.append(Step(dis.opname[op], given or 0, height))
        height += dis.stack_effect(op, given, jump=False)
        more = 0
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
    step, names, code = steps[last], frame.f_globals, frame.f_code
    if step.name in ("LOAD_GLOBAL", "LOAD_NAME"):
        return f"{names.get('__name__')}.{step.means(code)}"
    if step.name not in _ATTRIBUTES:
        return UNKNOWN
    first = last
    while steps[first].name in _ATTRIBUTES:
        first -= 1
    value: object = None
    if steps[first].name in ("LOAD_GLOBAL", "LOAD_NAME"):
        value = names.get(steps[first].means(code))
    elif steps[first].name in _LOCAL:
        found = frame.f_locals.get(steps[first].means(code))
        value = found if isinstance(found, ModuleType) else None
    for between in steps[first + 1 : last]:
        value = vars(value).get(between.means(code)) if isinstance(value, ModuleType) else None
    name = step.means(code)
    if isinstance(value, ModuleType):
        return f"{value.__name__}.{name}"
    return (
        f"{value.__module__}.{value.__qualname__}.{name}" if isinstance(value, type) else f".{name}"
    )

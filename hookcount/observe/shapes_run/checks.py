"""Checks: code that reads a value only to raise an exception.

``if (x < 0).any(): raise ValueError`` and ``assert mask.all()`` decide nothing else. A shapes-only
run takes it that such a check raises nothing, as it does for torch's own assertions.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Sequence
from types import CodeType, FrameType

from ...core.lifetimes import ByIdentity

_PASSED = ("hookcount.", "torch._ops", "torch.overrides", "torch.utils._python_dispatch")
"""Modules whose frames lie between the code that reads a value and the op that gives it."""
_LONGEST = 200
"""The most instructions of a branch that is followed."""
_LEAVES = ("RETURN", "YIELD", "RERAISE", "FOR_ITER", "SEND")

_branches: ByIdentity[dict[int, bool | None]] = ByIdentity()


def value_that_passes() -> bool | None:
    """The truth value with which the check that reads a value now raises nothing.

    None if the value decides something else.
    """
    frame = _reader()
    if frame is None:
        return None
    known = _branches.values.get(id(frame.f_code))
    if known is None:
        known = _branches.put(frame.f_code, {})
    if frame.f_lasti not in known:
        known[frame.f_lasti] = _passes(frame.f_code, frame.f_lasti)
    return known[frame.f_lasti]


def _reader() -> FrameType | None:
    """The innermost frame that belongs neither to hookcount nor to torch's dispatch."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and str(frame.f_globals.get("__name__")).startswith(_PASSED):
        frame = frame.f_back
    return frame


def _passes(code: CodeType, offset: int) -> bool | None:
    """See ``value_that_passes``. ``offset``: where the instruction that reads the value is."""
    found = [each for each in dis.get_instructions(code) if each.opname not in ("CACHE", "NOP")]
    at = next((index for index, each in enumerate(found) if each.offset == offset), None)
    if at is None or _is_caught(code, offset, found):
        return None
    while "JUMP" not in found[at].opname:  # a call of bool() or item() comes before the jump
        if not found[at].opname.startswith(("CALL", "TO_BOOL")) or at + 1 == len(found):
            return None
        at += 1
    jump = found[at]
    if "IF_TRUE" not in jump.opname and "IF_FALSE" not in jump.opname:
        return None
    if_true = "IF_TRUE" in jump.opname
    target = next(index for index, each in enumerate(found) if each.offset >= jump.argval)
    jumping, going_on = _raises(found, target), _raises(found, at + 1)
    if jumping == going_on:
        return None
    return if_true is going_on


def _raises(found: Sequence[dis.Instruction], start: int) -> bool:
    """Whether the instructions from ``start`` on lead straight to a ``raise``."""
    for each in found[start : start + _LONGEST]:
        if each.opname == "RAISE_VARARGS":
            return True
        if "JUMP" in each.opname or each.opname.startswith(_LEAVES):
            return False
    return False


def _is_caught(code: CodeType, offset: int, found: Sequence[dis.Instruction]) -> bool:
    """Whether the code itself may catch what is raised at an offset."""
    entries = getattr(dis.Bytecode(code), "exception_entries", None)
    if entries is None:  # Python 3.10
        return any(each.opname == "SETUP_FINALLY" for each in found)
    for entry in entries:
        handler = [each.opname for each in found if each.offset >= entry.target][:2]
        if entry.start <= offset < entry.end and "WITH_EXCEPT_START" not in handler:
            return True
    return False

"""Which line of the user's code, or of a library, called an op."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import CodeType, FrameType

import torch

Line = tuple["CodeType | None", int]
NOWHERE: Line = (None, 0)

_INSIDE = (str(Path(torch.__file__).parent) + os.sep, str(Path(__file__).parent.parent) + os.sep, "<frozen")
_is_inside: dict[CodeType, bool] = {}


def calling_line() -> Line:
    """The innermost line that is neither torch's nor hookcount's."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        inside = _is_inside.get(code)
        if inside is None:
            inside = _is_inside[code] = code.co_filename.startswith(_INSIDE)
        if not inside:
            return code, frame.f_lineno
        frame = frame.f_back
    return NOWHERE


def written(line: Line) -> str:
    """``file:line``; empty for nowhere."""
    return "" if line[0] is None else f"{line[0].co_filename}:{line[1]}"

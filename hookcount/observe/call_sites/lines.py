"""Finds the source line that an op was called from, and the function of torch that it called."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import CodeType, FrameType
from typing import NamedTuple

import torch

from .called import called


class Site(NamedTuple):
    """Where an op was called from."""

    line: str
    """The ``file:line`` outside of torch: in the user's code or in a library."""
    called: str
    """The name of the called function: see ``called.called``."""


NOWHERE = Site("", "")

_TORCH = str(Path(torch.__file__).parent) + os.sep
_FOLDERS = ("_dynamo", "_decomp", "_refs", "_prims", "_prims_common")
_FILES = ("_ops.py", "_compile.py", os.path.join("utils", "_python_dispatch.py"))
# hookcount, and the parts of torch that pass an op to a dispatch mode or make it of other ops
_BETWEEN = (
    str(Path(__file__).parent.parent) + os.sep,
    *(_TORCH + name + os.sep for name in _FOLDERS),
    *(_TORCH + name for name in _FILES),
)
_INSIDE = (_TORCH, "<frozen")
BETWEEN, INSIDE, OUTSIDE = range(3)
"""The kinds of code, from the inside out: machinery below an op, torch, and everything else."""

# The keys are identities: the hash of a code object is slow, as it reads all instructions.
_kinds: dict[int, int] = {}
_sites: dict[tuple[int, int, int, int], Site] = {}
_held: list[CodeType] = []
"""The code objects behind these identities. While one is held, no other object can get its id."""


def calling_site(torchs_own: bool) -> Site:
    """Where the op that is running was called from.

    The line is the innermost one outside of torch and hookcount. The name is that of the function
    which the innermost code called. ``torchs_own``: the op runs inside one of torch's own layers,
    so the line stays empty.
    """
    inner = _first(sys._getframe(2), INSIDE)
    if inner is None:
        return NOWHERE
    outer = None if torchs_own else _first(inner, OUTSIDE)
    code = inner.f_code
    key = (
        (id(code), inner.f_lasti, 0, 0)
        if outer is None
        else (id(code), inner.f_lasti, id(outer.f_code), outer.f_lasti)
    )
    site = _sites.get(key)
    if site is None:
        line = "" if outer is None else f"{outer.f_code.co_filename}:{outer.f_lineno}"
        site = _sites[key] = Site(line, called(inner))
        _held.extend((code, code if outer is None else outer.f_code))
    return site


def _first(frame: FrameType | None, kind: int) -> FrameType | None:
    """The first frame, going outward from ``frame``, whose code is at least of this kind."""
    known = _kinds.get
    while frame is not None:
        found = known(id(frame.f_code))
        if found is None:
            found = _classify(frame.f_code)
        if found >= kind:
            return frame
        frame = frame.f_back
    return None


def _classify(code: CodeType) -> int:
    if len(_held) > 100_000:  # the program keeps making new code objects
        _kinds.clear()
        _sites.clear()
        _held.clear()
    _held.append(code)
    name = code.co_filename
    kind = BETWEEN if name.startswith(_BETWEEN) else INSIDE if name.startswith(_INSIDE) else OUTSIDE
    _kinds[id(code)] = kind
    return kind

"""Where an op was called from: which line of the user's code, or of a library, and which function of torch was called there."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import CodeType, FrameType
from typing import NamedTuple

import torch

from .called import called


class Site(NamedTuple):
    """Where an op was called from. ``line``: the ``file:line`` outside of torch; ``called``: see ``called.called``."""

    line: str
    called: str


NOWHERE = Site("", "")

_TORCH = str(Path(torch.__file__).parent) + os.sep
_FOLDERS = ("_dynamo", "_decomp", "_refs", "_prims", "_prims_common")
_FILES = ("_ops.py", "_compile.py", os.path.join("utils", "_python_dispatch.py"))
_BETWEEN = (  # hookcount; and of torch what takes an op to a dispatch mode, or makes it of others
    str(Path(__file__).parent.parent) + os.sep,
    *(_TORCH + name + os.sep for name in _FOLDERS),
    *(_TORCH + name for name in _FILES),
)
_INSIDE = (_TORCH, "<frozen")
BETWEEN, INSIDE, OUTSIDE = range(3)

# by identity: the hash of a code object is that of all its instructions
_kinds: dict[int, int] = {}
_sites: dict[tuple[int, int, int, int], Site] = {}
_held: list[CodeType] = []
"""The code of those identities, so that none passes to another object."""


def calling_site(torchs_own: bool) -> Site:
    """Of the op that runs: the innermost line that is neither torch's nor hookcount's, and what the innermost code called.

    ``torchs_own``: the op is within one of torch's own layers, and its line is not asked for.
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
    """The innermost frame, from this one on, that is so far outside."""
    while frame is not None:
        code = frame.f_code
        found = _kinds.get(id(code))
        if found is None:
            found = _classify(code)
        if found >= kind:
            return frame
        frame = frame.f_back
    return None


def _classify(code: CodeType) -> int:
    if len(_held) > 100_000:  # of code that is made anew again and again
        _kinds.clear()
        _sites.clear()
        _held.clear()
    _held.append(code)
    name = code.co_filename
    kind = BETWEEN if name.startswith(_BETWEEN) else INSIDE if name.startswith(_INSIDE) else OUTSIDE
    _kinds[id(code)] = kind
    return kind

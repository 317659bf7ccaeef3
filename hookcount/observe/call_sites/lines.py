"""Finds the source line that an op was called from, and the function of torch that it called."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from types import CodeType, FrameType
from typing import NamedTuple

import torch

from ...core.lifetimes import ByIdentity
from ...core.trace import Whole
from .called import called


class Site(NamedTuple):
    """Where an op was called from."""

    line: str
    """The ``file:line`` outside of torch: in the user's code or in a library."""
    called: str
    """The name of the called function: see ``called.called``."""
    whole: Whole = ""
    """See ``OpRun.whole``."""


NOWHERE = Site("", "")

_TORCH = str(Path(torch.__file__).parent) + os.sep
_FOLDERS = ("_dynamo", "_decomp", "_refs", "_prims", "_prims_common")
_FILES = ("_ops.py", "_compile.py", os.path.join("utils", "_python_dispatch.py"))
# hookcount, and the parts of torch that pass an op to a dispatch mode or make it of other ops
_BETWEEN = (
    str(Path(__file__).parent.parent.parent) + os.sep,
    *(_TORCH + name + os.sep for name in _FOLDERS),
    *(_TORCH + name for name in _FILES),
)
_INSIDE = (_TORCH, "<frozen")
BETWEEN, INSIDE, OUTSIDE = range(3)
"""The kinds of code, from the inside out: machinery below an op, torch, and everything else."""

SiteKey = tuple[int, int, int, int]
"""The identity of the inner code object and the instruction there, and the same of the outer one.

Identities, since the hash of a code object is slow: it reads all instructions.
"""
_sites: dict[SiteKey, Site] = {}
_keys_of: dict[int, set[SiteKey]] = {}
"""The keys in which the identity of a code object occurs."""


def _forget(code: int, sites: dict[SiteKey, Site], keys_of: dict[int, set[SiteKey]]) -> None:
    """A code object ended, so that another may get its identity: forget its sites."""
    for key in keys_of.pop(code, ()):
        sites.pop(key, None)
        for other in (key[0], key[2]):
            keys_of.get(other, set()).discard(key)


_kinds: ByIdentity[int] = ByIdentity(partial(_forget, sites=_sites, keys_of=_keys_of))
_kind_of = _kinds.values.get


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
        site = Site(line, called(inner))
        for each in (key[0], key[2]):
            if each:
                _keys_of.setdefault(each, set()).add(key)
        _sites[key] = site
    return site


def _first(frame: FrameType | None, kind: int) -> FrameType | None:
    """The first frame, going outward from ``frame``, whose code is at least of this kind."""
    known = _kind_of
    while frame is not None:
        found = known(id(frame.f_code))
        if found is None:
            found = _classify(frame.f_code)
        if found >= kind:
            return frame
        frame = frame.f_back
    return None


def _classify(code: CodeType) -> int:
    name = code.co_filename
    kind = BETWEEN if name.startswith(_BETWEEN) else INSIDE if name.startswith(_INSIDE) else OUTSIDE
    return _kinds.put(code, kind)

"""Finds the source line that an op was called from, and the function of torch that it called."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterator
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
    inside: tuple[str, ...] = ()
    """See ``OpRun.inside``."""


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
# the functions, what chooses between two of them, and what passes one to a mode for functions
_FUNCTIONAL = (
    *(_TORCH + name for name in ("_jit_internal.py", "overrides.py")),
    _TORCH + os.path.join("nn", "functional.py"),
)
BETWEEN, FUNCTIONAL, INSIDE, OUTSIDE = range(4)
"""The kinds of code, from the inside out: machinery below an op, torch, and everything else.

``FUNCTIONAL`` is the part of torch that has ``torch.nn.functional``.
"""

_GOES_ON = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
"""The flags of code that another caller may go on with."""

SiteKey = tuple[int, ...]
"""The identity of the inner code object and the instruction there, and the same of the outer one.

After them the same of each call from ``FUNCTIONAL`` code outward.
Identities, since the hash of a code object is slow: it reads all instructions.
"""
_OF_FUNCTIONS = "torch.nn.functional."
_sites: dict[SiteKey, Site] = {}
_keys_of: dict[int, set[SiteKey]] = {}
"""The keys in which the identity of a code object occurs."""


def _forget(code: int, sites: dict[SiteKey, Site], keys_of: dict[int, set[SiteKey]]) -> None:
    """A code object ended, so that another may get its identity: forget its sites."""
    for key in keys_of.pop(code, ()):
        sites.pop(key, None)
        for other in key[::2]:
            keys_of.get(other, set()).discard(key)


_kinds: ByIdentity[int] = ByIdentity(partial(_forget, sites=_sites, keys_of=_keys_of))
_kind_of = _kinds.values.get


def calling_site(torchs_own: bool) -> Site:
    """Where the op that is running was called from.

    The line is the innermost one outside of torch and hookcount. The name is that of the function
    which the innermost code called. ``torchs_own``: the op runs inside one of torch's own layers,
    so the line stays empty.
    """
    inner = _first(sys._getframe(2), FUNCTIONAL)
    return NOWHERE if inner is None else _site_of(inner, torchs_own)


class OneCall:
    """The sites of ops that one call of a function runs: a backward pass, by torch's engine.

    As long as the call runs, the code around it stays the same. So it is looked at once.
    """

    def __init__(self) -> None:
        self._frame: FrameType | None = None
        """The frame of torch's own code that ran the last op. It is alive as long as it is here."""
        self._at = -1
        self._site = NOWHERE

    def site(self) -> Site:
        """``calling_site`` of an op outside of all layers."""
        inner = _first(sys._getframe(2), FUNCTIONAL)
        if inner is None:
            return NOWHERE
        if inner is self._frame and inner.f_lasti == self._at:
            return self._site
        site = _site_of(inner, False)
        code = inner.f_code
        if _kind_of(id(code)) == INSIDE and not code.co_flags & _GOES_ON:
            self._frame, self._at, self._site = inner, inner.f_lasti, site
        return site


def _site_of(inner: FrameType, torchs_own: bool) -> Site:
    """The site of an op that ``inner`` called."""
    outer = None if torchs_own else _first(inner, OUTSIDE)
    code = inner.f_code
    key: SiteKey = (
        (id(code), inner.f_lasti, 0, 0)
        if outer is None
        else (id(code), inner.f_lasti, id(outer.f_code), outer.f_lasti)
    )
    callers: tuple[FrameType, ...] = ()
    if _kind_of(id(code)) == FUNCTIONAL:
        callers = tuple(_callers(inner))
        for caller in callers:
            key += (id(caller.f_code), caller.f_lasti)
    site = _sites.get(key)
    if site is None:
        line = "" if outer is None else f"{outer.f_code.co_filename}:{outer.f_lineno}"
        names = [name for name in map(called, callers) if name.startswith(_OF_FUNCTIONS)]
        site = Site(line, called(inner), inside=tuple(names))
        for each in key[::2]:
            if each:
                _keys_of.setdefault(each, set()).add(key)
        _sites[key] = site
    return site


def _callers(frame: FrameType) -> Iterator[FrameType]:
    """The code that called each ``FUNCTIONAL`` code around ``frame``, from the inside out."""
    outward = frame.f_back
    while outward is not None:
        outward = _first(outward, FUNCTIONAL)
        if outward is None:
            return
        yield outward
        if _kind_of(id(outward.f_code)) != FUNCTIONAL:
            return
        outward = outward.f_back


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
    if name.startswith(_BETWEEN):
        kind = BETWEEN
    elif name.startswith(_FUNCTIONAL):
        kind = FUNCTIONAL
    else:
        kind = INSIDE if name.startswith(_INSIDE) else OUTSIDE
    return _kinds.put(code, kind)

"""Tells a tensor that a cache holds from one that was just made."""

from __future__ import annotations

import gc
import sys
import types
from collections import Counter

import torch
from torch import nn

from .contents import Contents

_CALLS_MODULES = nn.Module._wrapped_call_impl.__code__


def kept_elsewhere(alive: dict[int, torch.Tensor], out: object) -> set[int]:
    """The ids of those tensors that something else than a running function or ``out`` holds."""
    own = Contents()
    own.add(out)
    passing, in_cells = _local_values()
    asked = tuple(alive.values())  # from Python 3.13 on, it is among the referrers
    passing |= own.containers | {id(alive), id(own.tensors), id(asked)}
    kept: set[int] = set()
    for holder in gc.get_referrers(*asked):
        if not isinstance(holder, types.FrameType) and id(holder) not in passing:
            for key in {id(each) for each in gc.get_referents(holder)} & alive.keys():
                if isinstance(holder, types.CellType) and in_cells[key]:
                    in_cells[key] -= 1
                else:
                    kept.add(key)
    return kept


def _local_values() -> tuple[set[int], Counter[int]]:
    """The ids of the values of local variables, in the functions of torch that call the hooks.

    The counter has those that inner functions read too, by the number of cells that hold them.
    """
    found: set[int] = set()
    in_cells: Counter[int] = Counter()
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        code, values = frame.f_code, frame.f_locals
        found.update((id(values), *map(id, list(values.values()))))
        in_cells.update(id(values[name]) for name in code.co_cellvars if name in values)
        # further frames are the caller's; reading their variables would keep these alive
        frame = None if code is _CALLS_MODULES else frame.f_back
    return found, in_cells

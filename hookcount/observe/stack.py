"""The stack of module calls that have not returned yet."""

from __future__ import annotations

import sys
from types import CodeType, FrameType
from typing import NamedTuple

from torch import nn

from ..core.trace import Call, Phase
from .call_sites.lines import Site

OpTimes = dict[tuple[Call, bool, Site], int]
"""How often each op call ran in a module. The flag is ``OpRun.claimable``."""
OutsideTimes = dict[tuple[Phase, Call, Site], int]
"""How often each op call ran outside all modules."""


class Frame:
    """A module call that has not returned yet.

    ``index`` and ``parent`` are positions in the observer's list of module runs.
    """

    __slots__ = (
        "by_ops",
        "called",
        "generators",
        "index",
        "module",
        "ops",
        "parent",
        "path",
        "phase",
        "pre_hooks",
        "result",
        "torchs_own",
        "visible",
    )

    def __init__(
        self, module: nn.Module, path: str, index: int, parent: int | None, phase: Phase
    ) -> None:
        self.module = module
        self.path = path
        self.index = index
        self.parent = parent
        self.phase: Phase = phase
        self.torchs_own = type(module).__module__.startswith("torch.nn.")
        self.ops: OpTimes = {}
        self.pre_hooks: frozenset[CodeType] = frozenset()  # the code of its own pre-hooks
        self.generators = 0  # generators of other modules that were running when the call began
        self.visible = False  # an op that was seen made a tensor here
        self.called = False  # another module ran inside
        self.by_ops = False  # see ModuleRun.by_ops
        self.result: Call | None = None
        """None until the forward returns."""


class Mark(NamedTuple):
    """A point of the observation. ``Observer.back_to`` returns to it."""

    runs: int
    """How many module calls have begun."""
    depth: int
    """How many module calls have not returned yet."""
    ops: OpTimes
    """A copy of the innermost module's ops."""
    outside: OutsideTimes
    """A copy of the ops outside all modules, if no module is running."""
    called: bool
    """Whether the innermost module has called another one."""
    nodes: int = 0
    """How many nodes ``Observer.reach`` has."""


_CALL = nn.Module._call_impl.__code__


def in_hook(hooks: frozenset[CodeType]) -> bool:
    """Whether the innermost module that is called runs one of these hooks."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_code is not _CALL:
        if frame.f_code in hooks:
            return True
        frame = frame.f_back
    return False

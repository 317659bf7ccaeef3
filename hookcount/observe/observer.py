"""``Observer``: one observation, from the first hook to the finished ``Trace``. The only mutable state of hookcount."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ..core.trace import OUTSIDE, Call, ModuleRun, OpRun, Phase, Trace
from ..rules.registry import Fake
from .call_sites.lines import Site, calling_site
from .opfacts import op_facts
from .places import Places, type_name
from .shapes_run.memo import Memo
from .specs import freeze, op_specs, specs, storage, tensors
from .standin import StandIns

_active = threading.local()


def observers_here() -> list[Observer]:
    """The observers at work in this thread, outermost first."""
    if not hasattr(_active, "stack"):
        _active.stack = []
    stack: list[Observer] = _active.stack
    return stack


class Frame:
    """A module call that is under way."""

    __slots__ = (
        "called",
        "claimable",
        "index",
        "module",
        "ops",
        "parent",
        "path",
        "phase",
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
        self.ops: dict[tuple[Call, bool, Site], int] = {}
        self.claimable = True
        self.visible = False
        self.called = False  # another module ran inside
        self.result: tuple[Call, bool] | None = None


class Observer:
    """Notes what runs in the thread that made it. ``hooks.py`` and ``dispatch.py`` call it; ``trace()`` ends it."""

    def __init__(self, places: Places, memo: Memo, priced: Callable[[Any], bool]) -> None:
        self.model = places.model
        self.priced = priced
        """Whether there is a formula for an op."""
        self.modules = places.modules
        self.shapes_only = False
        self.fakes: dict[type, Fake] = {}
        """By the class that has the forward which they replace."""
        self.faking: set[int] = set()
        """The ids of modules whose fake runs: a fake may call its module's own forward."""
        self.thread = threading.get_ident()
        self.paused = 0
        self.failed_at: tuple[str, str] | None = None
        self._places = places
        self._memo = memo
        self._hits, self._misses = memo.hits, memo.misses
        self._stand_ins = StandIns(memo.stand_ins)
        self._stack: list[Frame] = []
        self._runs: list[ModuleRun | None] = []
        self._outside: dict[tuple[Phase, Call, Site], int] = {}
        self._calls: dict[Any, Call] = {}
        """Of modules whose stand-in is for this count alone."""

    def listening(self) -> bool:
        """Whether what happens now is this observer's: in its thread, and no inner count has paused it."""
        return not self.paused and threading.get_ident() == self.thread

    # -- modules ---------------------------------------------------------------------------------------------------

    def enter(self, module: nn.Module) -> None:
        self.failed_at = None
        caller = self._stack[-1] if self._stack else None
        if caller is not None:
            caller.called = True
            path, parent, phase = self._places.of(module, caller.path), caller.index, caller.phase
        else:
            path, parent, phase = self._places.of(module, OUTSIDE), None, _phase()
        frame = Frame(module, path, len(self._runs), parent, phase)
        self._runs.append(None)
        self._stack.append(frame)

    def suspend_claim(self, module: nn.Module, claimable: bool) -> None:
        """The module's own pre-hooks begin or end: what they run is not its forward's work."""
        if self._stack and self._stack[-1].module is module:
            self._stack[-1].claimable = claimable

    def returned(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any
    ) -> None:
        """A forward came back: keep its call. ``leave`` follows at once."""
        frame = self._frame(module)
        if frame is None:
            return
        if (
            torch._C._len_torch_function_stack()
        ):  # else each look at a tensor would go through the modes
            with torch._C.DisableTorchFunction():
                call = self._module_call(module, args, kwargs, out)
        else:
            call = self._module_call(module, args, kwargs, out)
        frame.result = (
            call,
            not frame.visible and not frame.called and self._made_unseen(module, args, kwargs, out),
        )

    def mark(self) -> Any:
        """This point of the observation, to go back to."""
        noted = self._stack[-1].ops if self._stack else self._outside
        return (
            len(self._runs),
            len(self._stack),
            dict(noted),
            bool(self._stack) and self._stack[-1].called,
        )

    def back_to(self, mark: Any) -> None:
        """Forget what ran since ``mark``, which an exception has left."""
        runs, depth, noted, called = mark
        del self._runs[runs:]
        del self._stack[depth:]
        if self._stack:
            self._stack[-1].ops, self._stack[-1].called = noted, called
        else:
            self._outside = noted
        self.failed_at = None

    def leave(self, module: nn.Module) -> None:
        """Runs after every forward, also one that raised."""
        frame = self._frame(module)
        if frame is None:
            return
        while self._stack[-1] is not frame:  # left by an exception that hooks cannot see
            self._close(self._stack.pop())
        self._close(self._stack.pop())
        if frame.result is None:
            self.failed_at = self.failed_at or (frame.path, type_name(module))
        else:
            self.failed_at = None

    def _frame(self, module: nn.Module) -> Frame | None:
        if self._stack and self._stack[-1].module is module:
            return self._stack[-1]
        return next((frame for frame in reversed(self._stack) if frame.module is module), None)

    def _close(self, frame: Frame) -> None:
        call, invisible = frame.result or (None, False)
        ops = (
            tuple([OpRun(op, own, times, *site) for (op, own, site), times in frame.ops.items()])
            if frame.ops
            else ()
        )
        self._runs[frame.index] = ModuleRun(
            frame.path, type_name(frame.module), frame.parent, frame.phase, call, ops, invisible
        )

    def _module_call(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any
    ) -> Call:
        stand_in = self._stand_ins.of(module)
        kept = specs(args), specs(kwargs) if kwargs else {}, specs(out)
        calls = self._calls if self._stand_ins.passing(stand_in) else self._memo.calls
        key = (id(stand_in), freeze(kept[0]), freeze(kept[1]) if kwargs else (), freeze(kept[2]))
        call = calls.get(key)
        if call is None:
            call = calls[key] = Call(type(module), kept[0], kept[1], kept[2], stand_in)
        return call

    def _made_unseen(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any
    ) -> bool:
        """Whether ``out`` has a tensor that is no view of an input or of something the module holds: then who made it?

        Without a tensor to work on, given or held, it is a constant, kept by an ``lru_cache`` say. In a shapes-only run, what is
        on meta came of an op.
        """
        made = [
            tensor
            for tensor in tensors(out)
            if tensor.numel() and not (self.shapes_only and tensor.is_meta)
        ]
        if not made or all(any(tensor is each for each in args) for tensor in made):
            return False
        given = tensors((args, kwargs, dict(vars(module))))
        held = {storage(tensor) for tensor in (*given, *module.parameters(), *module.buffers())}
        return bool(held) and any(storage(tensor) not in held for tensor in made)

    # -- ops -------------------------------------------------------------------------------------------------------

    def ran(self, op: Any, args: Any, kwargs: Any, out: Any) -> Call:
        """An op came back; ``args`` and ``kwargs`` as ``op_specs`` made them before it ran. Gives its call."""
        facts = op_facts(op)
        if facts.out_names:
            kwargs = {name: value for name, value in kwargs.items() if name not in facts.out_names}
        call = self.call(op, args, kwargs, op_specs(out))
        self.note(call, facts.makes or (facts.lifts and out.untyped_storage().resizable()))
        return call

    def call(self, op: Any, args: Any, kwargs: Any, out: Any) -> Call:
        """The one ``Call`` for these."""
        key = (op, freeze(args), freeze(kwargs), freeze(out))
        calls = self._memo.calls
        call = calls.get(key)
        if call is None:
            call = calls[key] = Call(op, args, kwargs, out)
        return call

    def note(self, call: Call, visible: bool) -> None:
        """An op call ran in the innermost module."""
        if self._stack:
            frame = self._stack[-1]
            frame.visible = frame.visible or visible
            where: Any = frame.ops
            mark: Any = (call, frame.claimable, calling_site(frame.torchs_own))
        else:
            where, mark = self._outside, (_phase(), call, calling_site(False))
        where[mark] = where.get(mark, 0) + 1

    # -- the end ---------------------------------------------------------------------------------------------------

    def here(self) -> tuple[str, str]:
        """Path and type of the innermost module that is running."""
        return (
            (self._stack[-1].path, type_name(self._stack[-1].module))
            if self._stack
            else (OUTSIDE, "")
        )

    def trace(self, run: str) -> Trace:
        """What was observed, frozen."""
        while self._stack:
            self._close(self._stack.pop())
        outside = tuple(
            (phase, OpRun(call, True, times, *site))
            for (phase, call, site), times in self._outside.items()
        )
        runs = tuple([each for each in self._runs if each is not None])
        hits, misses = self._memo.hits - self._hits, self._memo.misses - self._misses
        return Trace(self._places.facts(), runs, outside, run, hits, misses)


def _phase() -> Phase:
    return "forward" if torch._C._current_graph_task_id() == -1 else "backward"

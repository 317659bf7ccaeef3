"""``Observer`` collects one observation, from the first hook to the finished ``Trace``."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import takewhile
from types import CodeType

import torch
from torch import nn

from ..core.trace import OUTSIDE, Call, ModuleRun, OpRun, Phase, Trace, Unseen, Whole
from ..rules.registry import Fake, Op
from .autograd import Step
from .call_sites.called import UNKNOWN
from .call_sites.lines import Site, calling_site
from .calls import Calls
from .handed import NOT_FOLLOWED, Handed, gathered, whole_calls_apart
from .module_tree import ModuleTree, type_name
from .opfacts import OpFacts, op_facts
from .parts import is_shared
from .reach import Reach, with_lost
from .shapes_run.memo import Memo
from .specs import op_described
from .stack import Frame, Mark, OutsideTimes, in_hook
from .state import Given
from .transforms import transformed
from .unseen import Origins
from .values import Described, OpArgs, OpKwargs, OpResult, RunsAttention, RunsOnGpu

Args = tuple[object, ...]
Kwargs = dict[str, object]


class _Active(threading.local):
    def __init__(self) -> None:
        self.stack: list[Observer] = []


_active = _Active()


def observers_here() -> list[Observer]:
    """The active observers of this thread, outermost first."""
    return _active.stack


class Observer:
    """Records the modules and ops that run in the thread which made it.

    ``hooks.py`` and ``dispatch.py`` report to it. ``trace()`` ends the observation.
    """

    def __init__(self, tree: ModuleTree, memo: Memo, priced: Callable[[Op], bool]) -> None:
        self.model = tree.model
        self.priced = priced
        """Whether an op has a formula."""
        self.modules = tree.modules
        self.shapes_only = False
        self.device = "cpu"
        """The type of the device whose path a shapes-only run takes."""
        self.differentiates = False
        """Whether a shapes-only run has begun a backward pass that makes tensors of the class
        ``Gradient``: see ``shapes_run/derivatives.py``."""
        self.in_backward = False
        """Whether such a pass is running, outside of all transforms of ``torch.func``."""
        self.attention: RunsAttention | None = None
        """Runs attention in a shapes-only run: see ``shapes_run/attention.py``."""
        self.on_gpu: RunsOnGpu | None = None
        """Runs composite ops of a model on a GPU: see ``shapes_run/on_gpu.py``."""
        self.refuse: Callable[[str], Exception] | None = None
        """Makes the error for code that needs values, in a shapes-only run of a real model."""
        self.fakes: dict[type, Fake] = {}
        """Each fake, by the class whose forward it replaces."""
        self.whole: Whole = ""
        """What the next op is: see ``OpRun.whole``."""
        self.functions: tuple[str, ...] | None = None
        """The replaced functions that are running, the innermost first. None in a run that replaces
        none: see ``function_names.py``."""
        self.faking: set[int] = set()
        """The ids of modules whose fake is running. There the module's own forward runs as it is,
        since the fake may call it."""
        self.thread = threading.get_ident()
        self._pass_around = torch._C._current_graph_task_id()
        self.paused = 0
        """How many inner counts are running."""
        self.given: Given | None = None
        """The state of everything that the forward got; None for a watch, which keeps nothing."""
        self.ran_in_another_thread = False
        """Whether another thread called one of the model's modules meanwhile."""
        self.failed_at: tuple[str, str] | None = None
        """Path and type of the innermost module whose forward raised."""
        self.mode: Callable[[Observer], AbstractContextManager[object]] | None = None
        """Makes the dispatch mode for another thread. None after the observation."""
        self.calls = Calls(memo)
        self.worked = 0
        """How many ops made a tensor so far."""
        self.origins = Origins(tree)
        """Where tensors come from. The observers of one count share it."""
        self.reach = Reach(self.origins.known)
        self.step: Step | None = None
        """The training step that is observed. None if no work but the forward's is looked for."""
        self.unseen: dict[int, Unseen] = {}
        """Work that was not seen, by the index of the module call."""
        self.handed: list[Handed] = []
        """The work that this thread handed to others."""
        self._begins: tuple[str, Phase | None] = (OUTSIDE, None)
        """The path under which the outermost modules are called, and the phase."""
        self._places = tree
        self._memo = memo
        self._hits, self._misses = memo.hits, memo.misses
        self._stack: list[Frame] = []
        self._runs: list[ModuleRun | None] = []
        self._outside: OutsideTimes = {}
        self._shares = any(map(is_shared, (*tree.parameters, *tree.buffers)))
        """Whether the model has parameters or buffers that several ranks hold together."""

    def listening(self) -> bool:
        """Whether to record: this is the observer's thread, and no inner count has paused it."""
        return not self.paused and threading.get_ident() == self.thread

    # -- modules ------------------------------------------------------------------------------

    def enter(self, module: nn.Module) -> None:
        """A module call begins."""
        self.failed_at = None
        caller = self._stack[-1] if self._stack else None
        if caller is not None:
            caller.called = True
            path, parent, phase = self._places.of(module, caller.path), caller.index, caller.phase
        else:
            above, phase = self._begins[0], self._begins[1] or self._phase()
            path, parent = self._places.of(module, above), None
            if self.step is not None and self._begins[1] in (None, "forward"):
                phase = self.step.phase_of_call()
        if self.step is not None:
            self.step.owners.begin(path)
        frame = Frame(module, path, len(self._runs), parent, phase)
        frame.by_ops = transformed()
        if self.origins.later:
            frame.generators = self.origins.generators()
        self._runs.append(None)
        self._stack.append(frame)

    def suspend_claim(self, module: nn.Module, hooks: frozenset[CodeType]) -> None:
        """The module's own pre-hooks begin. ``hooks`` are their code.

        The ops of pre-hooks are not the work of the module's forward.
        """
        if self._stack and self._stack[-1].module is module:
            self._stack[-1].pre_hooks = hooks

    def ran_elsewhere(self, module: nn.Module) -> None:
        """Another thread calls a module."""
        if not self.ran_in_another_thread:
            self.ran_in_another_thread = any(module is each for each in self.modules)
            if self.ran_in_another_thread and self.step is not None:
                self.step.updates.has_gradients = False
        if not self.origins.suspected and not self.paused:
            self.origins.suspect(module)

    def returned(self, module: nn.Module, args: Args, kwargs: Kwargs, out: object) -> None:
        """A forward returned: record its call. ``leave`` follows at once."""
        frame = self._frame(module)
        if frame is None:
            return
        if self._shares and any(
            map(is_shared, (*module._parameters.values(), *module._buffers.values()))
        ):
            self.met_wrapper()
        if torch._C._len_torch_function_stack():
            # without this, each access to a tensor's attribute would pass through the active modes
            with torch._C.DisableTorchFunction():
                self._returned(frame, args, kwargs, out)
        else:
            self._returned(frame, args, kwargs, out)

    def _returned(self, frame: Frame, args: Args, kwargs: Kwargs, out: object) -> None:
        frame.result = self.calls.of_module(frame.module, args, kwargs, out)
        self.origins.read(self, frame, (args, kwargs), out)
        if frame.parent is None:
            if self._begins[0] == OUTSIDE:
                self.origins.settle((args, kwargs), out)
            if self.step is not None:
                self.step.returned((args, kwargs), out)

    def met_wrapper(self) -> None:
        """The running modules meet a tensor that several ranks hold together: their ops pay."""
        for frame in self._stack:
            frame.by_ops = True

    def mark(self) -> Mark:
        """This point of the observation."""
        runs, depth = len(self._runs), len(self._stack)
        if not self._stack:
            return Mark(runs, depth, {}, dict(self._outside), False, len(self.reach))
        frame = self._stack[-1]
        return Mark(runs, depth, dict(frame.ops), {}, frame.called, len(self.reach))

    def back_to(self, mark: Mark) -> None:
        """Forget everything that ran since ``mark``. An exception has ended those calls."""
        del self._runs[mark.runs :]
        self.handed = [each for each in self.handed if each.run is None or each.run < mark.runs]
        self.unseen = {run: each for run, each in self.unseen.items() if run < mark.runs}
        self.origins.forget(self, mark.runs)
        self.reach.forget(mark.nodes)
        del self._stack[mark.depth :]
        if self._stack:
            self._stack[-1].ops, self._stack[-1].called = mark.ops, mark.called
        else:
            self._outside = mark.outside
        self.failed_at = None

    def leave(self, module: nn.Module) -> None:
        """A forward ended, also by an exception."""
        frame = self._frame(module)
        if frame is None:
            return
        while self._stack[-1] is not frame:  # an exception ended these calls unseen by the hooks
            self._close(self._stack.pop())
        self._close(self._stack.pop())
        if self.step is not None:
            self.step.owners.begin(self.here()[0])
        if frame.result is None:
            self.failed_at = self.failed_at or (frame.path, type_name(module))
        else:
            self.failed_at = None

    def _frame(self, module: nn.Module) -> Frame | None:
        if self._stack and self._stack[-1].module is module:
            return self._stack[-1]
        return next((frame for frame in reversed(self._stack) if frame.module is module), None)

    def _close(self, frame: Frame) -> None:
        ops = [OpRun(op, own, times, *site) for (op, own, site), times in frame.ops.items()]
        self._runs[frame.index] = ModuleRun(
            frame.path,
            type_name(frame.module),
            frame.parent,
            frame.phase,
            frame.result,
            tuple(ops),
            by_ops=frame.by_ops,
        )

    # -- ops ----------------------------------------------------------------------------------

    def ran(self, op: Op, args: Described, kwargs: dict[str, Described], out: OpResult) -> Call:
        """Record an op call that returned ``out``. Returns its ``Call``.

        ``args`` and ``kwargs`` are from before the op ran, since the op may change them.
        """
        facts = op_facts(op)
        if facts.out_names:
            kwargs = {name: value for name, value in kwargs.items() if name not in facts.out_names}
        call = self.calls.of_op(op, args, kwargs, op_described(out))
        self.note(call, facts.makes or (facts.lifts and out.untyped_storage().resizable()))
        return call

    def note(self, call: Call, visible: bool) -> None:
        """Record that an op call ran in the innermost module.

        ``visible``: the op made a tensor, so that a module's output may come from it.
        """
        self.worked += visible
        if self._stack:
            frame = self._stack[-1]
            frame.visible = frame.visible or visible
            # the ops of a generator are not those of the module that runs it
            claimable = not (self.origins.later or frame.pre_hooks) or (
                self.origins.generators() <= frame.generators and not in_hook(frame.pre_hooks)
            )
            site = self._site(frame.torchs_own)
            ops, inside = frame.ops, (call, claimable, site)
            ops[inside] = ops.get(inside, 0) + 1
            self.reach.noted = (frame.index, inside)
        elif self.step is not None and self.step.note(call, self.whole):
            self.reach.noted = None
        else:
            site = self._site(False)
            outside = (self._phase(), call, site)
            self._outside[outside] = self._outside.get(outside, 0) + 1
            self.reach.noted = (None, outside)

    def _site(self, torchs_own: bool) -> Site:
        site = calling_site(torchs_own)
        if self.whole:
            site = site._replace(whole=self.whole)
        if self.functions is None:
            return site
        called = self.functions[0] if self.functions else UNKNOWN
        return site._replace(called=called, inside=self.functions[1:])

    def made(self, facts: OpFacts, args: OpArgs, kwargs: OpKwargs, out: OpResult) -> None:
        """A seen op returned ``out``."""
        self.reach.made(facts, args, kwargs, out)  # it knows the tensors that were there before
        self.origins.made(facts, args, kwargs, out)

    def note_whole(self, call: Call, out: OpResult) -> None:
        """Record that the code called a function that other ops make up. It returned ``out``."""
        before, self.whole, self.origins.whole = self.whole, "call", True
        try:
            self.note(call, False)
        finally:
            self.whole = before
        key, self.reach.noted = self.reach.noted, None
        if key is not None:
            self.reach.note_whole(key, out)

    # -- the end ------------------------------------------------------------------------------

    def here(self) -> tuple[str, str]:
        """Path and type of the innermost module that is running."""
        frame = self._stack[-1] if self._stack else None
        return (OUTSIDE, "") if frame is None else (frame.path, type_name(frame.module))

    def in_module(self) -> bool:
        """Whether a module is running."""
        return bool(self._stack)

    def trace(self, run: str) -> Trace:
        """The finished trace. ``run`` says how the model was run: ``"shapes"`` or ``"real"``."""
        self.origins.settle_later()
        runs, outside = with_lost(gathered(self), {} if self.handed else self.reach.lost())
        hits, misses = self._memo.hits - self._hits, self._memo.misses - self._misses
        if self.step is not None:
            runs += self.step.runs()
        trace = Trace(self._places.facts(), tuple(runs), tuple(outside), run, hits, misses)
        return whole_calls_apart(trace) if self.origins.whole else trace

    def seen(self) -> tuple[list[ModuleRun], list[tuple[Phase, OpRun]]]:
        """The module runs of this thread, and the ops outside all modules."""
        while self._stack:
            self._close(self._stack.pop())
        # a thread that goes on may begin calls after the count
        runs = [each for each in takewhile(lambda run: run is not None, self._runs) if each]
        for run, unseen in self.unseen.items():
            if run < len(runs):
                runs[run] = runs[run]._replace(unseen=unseen)
        begins = self._begins[1]
        return runs, [
            (begins or phase, OpRun(call, True, times, *site))
            for (phase, call, site), times in list(self._outside.items())
        ]

    # -- other threads ------------------------------------------------------------------------

    def beside(self, begins: tuple[str, Phase]) -> Observer:
        """An observer for work that is handed to the present thread. ``begins``: where."""
        made = Observer(self._places, self._memo, self.priced)
        made.shapes_only, made.fakes, made.mode = self.shapes_only, self.fakes, self.mode
        made.origins, made._begins, made.given = self.origins, begins, self.given
        made.reach = Reach(self.origins.known, 0)  # an output is not made in one thread alone
        made.step = None if self.step is None else self.step.beside(begins[0])
        made.functions = None if self.functions is None else ()
        return made

    def hand_over(self) -> Handed:
        """This thread hands work to another one."""
        path, phase, run = self._begins[0], self._begins[1] or self._phase(), None
        if self._stack:
            frame = self._stack[-1]
            frame.called = True
            path, phase, run = frame.path, frame.phase, frame.index
        self.handed.append(Handed((path, phase), run))
        return self.handed[-1]

    def passed(self) -> None:
        """An op passed by that is not recorded. It may run in a thread that torch started."""
        if threading.get_ident() == self.thread or self.paused or self._phase() == "backward":
            return
        for frame in self._stack[-1:]:
            self.unseen.setdefault(frame.index, NOT_FOLLOWED)

    def ran_any(self) -> bool:
        """Whether anything ran so far."""
        return bool(self._runs or self._outside)

    def _phase(self) -> Phase:
        """The pass that runs. A backward pass that began before the observation is none of it."""
        return "forward" if torch._C._current_graph_task_id() == self._pass_around else "backward"


def innermost_given() -> Given | None:
    """The state that the innermost count of this thread keeps; None outside of counts."""
    return next((each.given for each in reversed(observers_here()) if each.given), None)

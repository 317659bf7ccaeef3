"""``Runner`` runs a model once under observation and returns its trace.

It runs on shapes where that is possible, and for real otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, Protocol

import torch

from ..core.trace import Trace
from ..rules.registry import Op, Registry
from ..rules.resolver import Resolver
from .acting import Act, called
from .admission import admitted, check_surroundings
from .autograd import Step
from .company import alone
from .contained import has_values, tensors
from .dispatch import RealRun, Run
from .eager import compiler_is_there
from .function_names import functions_named
from .gate import kept_apart, reading
from .gathered import gathered
from .gradient_hooks import gradient_hooks_off
from .in_turn import in_turn
from .interrupts import HeldBack
from .module_tree import ModuleTree
from .observer import Observer, innermost_given, observers_here
from .observing import Modes, observing
from .other_path import goes_another_path
from .others_changes import others_changes
from .reach import Reach
from .shapes_run.addresses import addresses_refused
from .shapes_run.attention import as_on_the_device
from .shapes_run.autocast import autocast_on_meta
from .shapes_run.constants import Constants, needs_constants
from .shapes_run.data import device_of
from .shapes_run.derivatives import differentiable
from .shapes_run.fakes import faked, for_want_of_values
from .shapes_run.jagged import jagged_on_meta
from .shapes_run.kernels import kernels_on_meta
from .shapes_run.memo import Memo
from .shapes_run.on_gpu import as_on_a_gpu
from .shapes_run.shapes import ConstantsLostError, ShapesRun
from .state import Given, preserved
from .steps import steps_noted
from .swapped import Copies, inputs_apart, inputs_on_meta, meta_copy, swapped
from .whole_calls import whole_calls_noted
from .wrapped import refuse_flat_shards, wrappers_passed

How = Literal["auto", "shapes", "real"]
"""How a model is run: see ``Runner``."""
Args = tuple[object, ...]
"""The positional arguments of a model's ``forward``."""
Kwargs = Mapping[str, object]
"""The keyword arguments of a model's ``forward``."""


class MakesModes(Protocol):
    """Makes the dispatch mode of an observation, and the modes and patches that it needs."""

    def __call__(self, observer: Observer, given: Given) -> tuple[Run, Modes]: ...


class MakesShapesModes(Protocol):
    """As ``MakesModes``, for a shapes-only run.

    ``device``: that of the model. By default it is the one of its tensors, if they are there.
    """

    def __call__(
        self, observer: Observer, given: Given, device: torch.device | None = None
    ) -> tuple[Run, Modes]: ...


@dataclass(frozen=True)
class Runner:
    """Runs models under observation.

    ``how`` is ``"shapes"``, ``"real"`` or ``"auto"``. With ``"auto"``, a real run follows a
    shapes-only run that raises or takes the path of another device. It needs values of all tensors.
    """

    registry: Registry
    how: How = "auto"
    memo: Memo = field(default_factory=Memo, repr=False)
    trains: bool = False
    """Whether backward passes and optimizers are observed too, module by module."""
    act: Act | None = None
    """A training step. Without one, a run is a forward."""
    functions: frozenset[str] = frozenset()
    """Functions of torch that a run replaces: see ``function_names.py``."""

    def trace(self, tree: ModuleTree, args: Args, kwargs: Kwargs) -> Trace:
        """The trace of ``model(*args, **kwargs)``.

        The model and the inputs are restored afterwards, also after an exception. Raises the
        model's exceptions. Raises ``DataNeededError`` if a shapes-only run needs values and no real
        run follows.
        """
        check_surroundings()
        refuse_flat_shards(tree)
        return in_turn(tree, args, kwargs, self._tries)

    def _tries(self, tree: ModuleTree, args: Args, kwargs: Kwargs, signals: HeldBack) -> Trace:
        """One try after the other, each from the same state."""
        with alone() as company:
            args, kwargs = admitted(tree, (args, kwargs), company.transformed, self.how == "real")
            if self.how != "real":
                try:
                    trace = self._shapes(tree, args, kwargs, signals)
                except Exception:
                    # The real run has the values that were needed, or raises the model's own error.
                    if self.how == "shapes" or not _have_values(tree, args, kwargs):
                        raise
                else:
                    given = partial(_tensors, tree, args, kwargs)
                    if self.how == "auto" and goes_another_path(trace, self.registry, given):
                        with suppress(Exception):
                            real = self._real(tree, args, kwargs, company.fakes, signals)
                            return trace if goes_another_path(real, self.registry, given) else real
                    return trace
            return self._real(tree, args, kwargs, company.fakes, signals)

    def _shapes(self, tree: ModuleTree, args: Args, kwargs: Kwargs, signals: HeldBack) -> Trace:
        modes: MakesShapesModes = self._shapes_modes
        if needs_constants(tree):
            modes = self._shapes_modes_with_constants
        while True:
            known, compiler_was_there = len(self.memo.compare_devices), compiler_is_there()
            try:
                trace = self._on_shapes(tree, args, kwargs, modes, signals)
            except Exception as error:  # an older torch loses constants without an error
                wanted = isinstance(error, ConstantsLostError) or for_want_of_values(error)
                if modes == self._shapes_modes and wanted:
                    modes = self._shapes_modes_with_constants
                elif known == len(self.memo.compare_devices):
                    raise
            else:
                if compiler_was_there or not compiler_is_there():
                    return trace
                # The import of the compiler ran ops, which are no work of the model. Run again.

    def _on_shapes(
        self,
        tree: ModuleTree,
        args: Args,
        kwargs: Kwargs,
        modes: MakesShapesModes,
        signals: HeldBack,
    ) -> Trace:
        if self.act is None:
            return self._traced(tree, args, kwargs, modes, signals)
        device = device_of(list(_tensors(tree, args, kwargs)))
        with kept_apart(tree, signals) as inside, swapped(tree, meta_copy, inside) as swaps:
            args, kwargs = inputs_on_meta((args, dict(kwargs)), swaps)
            there = partial(modes, device=device)
            return self._traced(tree, args, kwargs, there, signals, swaps)

    def _shapes_modes(
        self, observer: Observer, given: Given, device: torch.device | None = None
    ) -> tuple[Run, Modes]:
        run = ShapesRun(observer, given.guard, given.data, self.memo, False, device)
        return run, self._allowances(observer)

    def _shapes_modes_with_constants(
        self, observer: Observer, given: Given, device: torch.device | None = None
    ) -> tuple[Run, Modes]:
        run = ShapesRun(observer, given.guard, given.data, self.memo, True, device)
        return run, [Constants(run), *self._allowances(observer)]

    def _allowances(self, observer: Observer) -> Modes:
        """Patches that let code run on meta as on the device, and fakes."""
        patches = [
            autocast_on_meta(),
            differentiable(),
            as_on_the_device(),
            jagged_on_meta(),
            kernels_on_meta(),
            addresses_refused(),
            *([as_on_a_gpu()] if observer.on_gpu is not None else ()),
        ]
        return [*patches, faked(observer, self.registry), *self._functions(observer)]

    def _functions(self, observer: Observer) -> Modes:
        """Patches that note calls of functions. Those of ``functions`` are around the others."""
        named = [functions_named(observer, self.functions)] if self.functions else []
        return [whole_calls_noted(), *named]

    def _real(
        self, tree: ModuleTree, args: Args, kwargs: Kwargs, fakes: Modes, signals: HeldBack
    ) -> Trace:
        def modes(observer: Observer, given: Given) -> tuple[Run, Modes]:
            return RealRun(observer, given.guard), [*fakes, *self._functions(observer)]

        def run() -> Trace:
            if self.act is None:
                return self._traced(tree, args, kwargs, modes, signals)
            with (
                kept_apart(tree, signals) as inside,
                swapped(tree, Copies(), inside) as swaps,
                gradient_hooks_off(tree),
            ):
                positional, named = inputs_apart((args, dict(kwargs)), swaps)
                return self._traced(tree, positional, named, modes, signals, swaps)

        compiler_was_there = compiler_is_there()
        try:
            return run()
        except Exception:
            if compiler_was_there or not compiler_is_there():
                raise
            # The forward itself imported the compiler, too late to be switched off. Run again.
            return run()

    def traced(self, tree: ModuleTree, args: Args, kwargs: Kwargs, modes: MakesModes) -> Trace:
        """The trace of one forward under the modes that ``modes`` makes."""

        def run(tree: ModuleTree, args: Args, kwargs: Kwargs, signals: HeldBack) -> Trace:
            return self._traced(tree, args, kwargs, modes, signals)

        refuse_flat_shards(tree)
        return in_turn(tree, args, kwargs, run)

    def _traced(
        self,
        tree: ModuleTree,
        args: Args,
        kwargs: Kwargs,
        modes: MakesModes,
        signals: HeldBack,
        away: Collection[int] = (),
    ) -> Trace:
        outer = list(observers_here())
        around = innermost_given()
        draws = None if around is None else around.randomness
        for each in outer:
            each.paused += 1
        try:
            with (
                others_changes(tree) as changes,
                preserved(tree, args, kwargs, draws, away, changes) as given,
            ):
                observer = Observer(tree, self.memo, self._priced())
                observer.given = given
                run, others = modes(observer, given)
                observer.shapes_only = isinstance(run, ShapesRun)
                if self.trains:
                    observer.step = Step(tree)
                    others = [steps_noted(observer), *others]
                parallel = [
                    wrappers_passed(tree),
                    gathered(tree, observer.shapes_only, self.act is not None),
                ]
                try:
                    with observing(observer, tree, [*parallel, run, *others]):
                        called(tree.model, given, observer, signals, self.act)
                finally:
                    if observer.step is not None:
                        observer.step.end()
                given.trained_by_others = observer.ran_in_another_thread
                return observer.trace(run.name)
        finally:
            tree.forget_strangers()
            for each in outer:
                each.paused -= 1

    @contextmanager
    def watching(self, tree: ModuleTree) -> Iterator[Observer]:
        """Observe everything that runs in the block. Its changes to the model are not undone."""
        self.memo.trim()
        self.memo.refresh()
        observer = Observer(tree, self.memo, self._priced())
        # the end of a block is no model's output
        observer.reach = Reach(observer.origins.known, 0)
        modes: Modes = [RealRun(observer, None), *self._functions(observer)]
        if self.trains:
            observer.step = reading(tree.model, partial(Step, tree))
            modes.append(steps_noted(observer))
        with observing(observer, tree, modes):
            yield observer

    def _priced(self) -> Callable[[Op], bool]:
        """A function that says whether an op has a formula."""
        resolver = Resolver(self.registry)
        return lambda op: resolver.op(op)[0] is not None


def on_meta(tree: ModuleTree, args: Args, kwargs: Kwargs) -> bool:
    """Whether a tensor of the model or of the arguments is on meta."""
    return any(tensor.is_meta for tensor in _tensors(tree, args, kwargs))


def _have_values(tree: ModuleTree, args: Args, kwargs: Kwargs) -> bool:
    """Whether every tensor of the model and of the arguments has values."""
    return all(map(has_values, _tensors(tree, args, kwargs)))


def _tensors(tree: ModuleTree, args: Args, kwargs: Kwargs) -> Iterator[torch.Tensor]:
    yield from (*tree.parameters, *tree.buffers, *tensors((args, kwargs)))

"""``Runner`` runs a model once under observation and returns its trace.

It runs on shapes where that is possible, and for real otherwise.
"""

from __future__ import annotations

import gc
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Literal, Protocol

import torch
from torch import nn

from ..core.errors import HookcountError, module_at, note
from ..core.trace import Trace
from ..rules.registry import Op, Registry
from ..rules.resolver import Resolver
from .dispatch import RealRun, Run
from .elsewhere import followed
from .hooks import hooked
from .module_tree import ModuleTree, type_name, wrapped_as
from .observer import Observer, observers_here
from .patches import Undo, shared
from .shapes_run.autocast import autocast_on_meta
from .shapes_run.constants import Constants, needs_constants
from .shapes_run.fakes import faked, for_want_of_values
from .shapes_run.memo import Memo
from .shapes_run.shapes import ConstantsLostError, ShapesRun, model_data
from .state import Guard, preserved

How = Literal["auto", "shapes", "real"]
"""How a model is run: see ``Runner``."""
Modes = list[AbstractContextManager[object]]
"""Modes and patches that a run needs besides its dispatch mode."""
Args = tuple[object, ...]
"""The positional arguments of a model's ``forward``."""
Kwargs = Mapping[str, object]
"""The keyword arguments of a model's ``forward``."""


class MakesModes(Protocol):
    """Makes the dispatch mode of an observation, and the modes and patches that it needs."""

    def __call__(
        self, observer: Observer, guard: Guard, data: Iterator[torch.Tensor]
    ) -> tuple[Run, Modes]: ...


@dataclass(frozen=True)
class Runner:
    """Runs models under observation.

    ``how`` is ``"shapes"``, ``"real"`` or ``"auto"``. With ``"auto"``, a real run follows a
    shapes-only run that raises, unless a tensor of the model or an input is on meta.
    """

    registry: Registry
    how: How = "auto"
    memo: Memo = field(default_factory=Memo, repr=False)

    def trace(self, tree: ModuleTree, args: Args, kwargs: Kwargs) -> Trace:
        """The trace of ``model(*args, **kwargs)``.

        The model and the inputs are restored afterwards, also after an exception. Raises the
        model's exceptions. Raises ``DataNeededError`` if a shapes-only run needs values and no real
        run follows.
        """
        if self.how != "real":
            try:
                return self._shapes(tree, args, kwargs)
            except Exception:
                # The real run has the values that were needed, or raises the model's own error.
                if self.how == "shapes" or any(
                    tensor.is_meta for tensor in model_data(tree, (args, kwargs))
                ):
                    raise
        return self._real(tree, args, kwargs)

    def _shapes(self, tree: ModuleTree, args: Args, kwargs: Kwargs) -> Trace:
        if not needs_constants(tree):
            try:
                return self.traced(tree, args, kwargs, self._shapes_modes)
            except Exception as error:  # an older torch loses constants without an error
                if not isinstance(error, ConstantsLostError) and not for_want_of_values(error):
                    raise
        return self.traced(tree, args, kwargs, self._shapes_modes_with_constants)

    def _shapes_modes(
        self, observer: Observer, guard: Guard, data: Iterator[torch.Tensor]
    ) -> tuple[Run, Modes]:
        return ShapesRun(observer, guard, data, self.memo, keeps_constants=False), self._allowances(
            observer
        )

    def _shapes_modes_with_constants(
        self, observer: Observer, guard: Guard, data: Iterator[torch.Tensor]
    ) -> tuple[Run, Modes]:
        run = ShapesRun(observer, guard, data, self.memo, keeps_constants=True)
        return run, [Constants(run), *self._allowances(observer)]

    def _allowances(self, observer: Observer) -> Modes:
        """Patches that let code run on meta tensors: autocast, and fakes."""
        return [autocast_on_meta(), faked(observer, self.registry)]

    def _real(self, tree: ModuleTree, args: Args, kwargs: Kwargs) -> Trace:
        compiler_was_there = _compiler_is_there()
        try:
            return self.traced(tree, args, kwargs, _real_modes)
        except Exception:
            if compiler_was_there or not _compiler_is_there():
                raise
            # The forward itself imported the compiler, too late to be switched off. Run again.
            return self.traced(tree, args, kwargs, _real_modes)

    def traced(self, tree: ModuleTree, args: Args, kwargs: Kwargs, modes: MakesModes) -> Trace:
        """The trace of one forward under the modes that ``modes`` makes."""
        outer = list(observers_here())
        for each in outer:
            each.paused += 1
        try:
            with preserved(tree, (args, kwargs)) as guard:
                observer = Observer(tree, self.memo, self._priced())
                run, others = modes(observer, guard, model_data(tree, (args, kwargs)))
                observer.shapes_only = isinstance(run, ShapesRun)
                with (
                    shared("the collector", _stop_collector)
                    if observer.shapes_only
                    else nullcontext()
                ):
                    with _observing(observer, tree, [run, *others]):
                        _call(tree.model, args, kwargs, observer)
                    return observer.trace(run.name)
        finally:
            tree.forget_strangers()
            for each in outer:
                each.paused -= 1

    @contextmanager
    def watching(self, tree: ModuleTree) -> Iterator[Observer]:
        """Observe everything that runs in the block. Its changes to the model are not undone."""
        self.memo.trim()
        observer = Observer(tree, self.memo, self._priced())
        with _observing(observer, tree, [RealRun(observer, None)]):
            yield observer

    def _priced(self) -> Callable[[Op], bool]:
        """A function that says whether an op has a formula."""
        resolver = Resolver(self.registry)
        return lambda op: resolver.op(op)[0] is not None


def _real_modes(
    observer: Observer, guard: Guard, data: Iterator[torch.Tensor]
) -> tuple[Run, Modes]:
    return RealRun(observer, guard), []


@contextmanager
def _observing(observer: Observer, tree: ModuleTree, modes: Modes) -> Iterator[None]:
    """Make ``observer`` active for the block, with its hooks and modes."""
    stack = observers_here()
    stack.append(observer)
    try:
        with ExitStack() as entered:
            entered.enter_context(_eager(tree))
            entered.enter_context(hooked(observer, tree))
            entered.enter_context(followed(observer))
            for mode in modes:
                entered.enter_context(mode)
            yield
    finally:
        stack.remove(observer)


def _stop_collector() -> Undo:
    """Switch Python's garbage collector off.

    A shapes-only run makes many small objects and keeps them all. The collector would walk all live
    objects several times for a large model, and free nothing.
    """
    if not gc.isenabled():
        return lambda: None
    gc.disable()
    return gc.enable


@contextmanager
def _eager(tree: ModuleTree) -> Iterator[None]:
    """Run compiled code eagerly for the block: compiled code shows neither modules nor ops."""
    if not _compiler_is_there():
        yield
        return
    with ExitStack() as entered:
        if any(wrapped_as(type(module)) for module in tree.modules):
            entered.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", message=".*when there are global hooks on modules")
        entered.enter_context(torch.compiler.set_stance("force_eager"))
        yield


def _compiler_is_there() -> bool:
    # flex_attention and torch.cond import the compiler themselves
    return "torch._dynamo" in sys.modules or "torch.nn.attention.flex_attention" in sys.modules


def _call(model: nn.Module, args: Args, kwargs: Kwargs, observer: Observer) -> None:
    """Run the model. A note on its exception names the module that raised."""
    try:
        model(*args, **kwargs)
    except HookcountError:
        raise
    except Exception as error:
        where = (
            module_at(*observer.failed_at)
            if observer.failed_at
            else module_at("", type_name(model))
        )
        note(
            error,
            f"hookcount: raised in {where} while it was being counted; "
            "the model is as it was before.",
        )
        raise

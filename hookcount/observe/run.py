"""``Runner``: runs a model once under observation and gives its trace, from shapes where it can, for real where it must."""

from __future__ import annotations

import gc
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import torch
from torch import nn

from ..core.errors import HookcountError, note, place
from ..core.trace import Trace
from ..rules.registry import Op, Registry
from ..rules.resolver import Resolver
from .dispatch import RealRun, Run
from .hooks import hooked
from .observer import Observer, observers_here
from .patches import Undo, shared
from .places import Places, type_name, wrapped_as
from .shapes_run.autocast import autocast_on_meta
from .shapes_run.constants import Constants, needs_constants
from .shapes_run.fakes import faked, for_want_of_values
from .shapes_run.memo import Memo
from .shapes_run.shapes import ConstantsLostError, ShapesRun, model_data
from .state import Guard, preserved

How = Literal["auto", "shapes", "real"]
Modes = list[AbstractContextManager[object]]


class MakesModes(Protocol):
    """Makes the dispatch mode of an observation and what goes with it."""

    def __call__(
        self, observer: Observer, guard: Guard, data: Iterator[torch.Tensor]
    ) -> tuple[Run, Modes]: ...


@dataclass(frozen=True)
class Runner:
    """``how``: ``"shapes"``, ``"real"``, or ``"auto"``, which tries shapes and runs a real model for real where that fails."""

    registry: Registry
    how: How = "auto"
    memo: Memo = field(default_factory=Memo, repr=False)

    def trace(self, places: Places, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Trace:
        """What ``model(*args, **kwargs)`` runs. All is as before afterwards, also after an exception."""
        if self.how != "real":
            try:
                return self._shapes(places, args, kwargs)
            except Exception:
                # where values are needed, or shapes do not tell what is wrong, the real run says how it is
                if self.how == "shapes" or any(
                    tensor.is_meta for tensor in model_data(places, (args, kwargs))
                ):
                    raise
        return self._real(places, args, kwargs)

    def _shapes(self, places: Places, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Trace:
        if not needs_constants(places):
            try:
                return self.traced(places, args, kwargs, self._shapes_modes)
            except Exception as error:  # an older torch loses constants without a sign
                if not isinstance(error, ConstantsLostError) and not for_want_of_values(error):
                    raise
        return self.traced(places, args, kwargs, self._shapes_modes_with_constants)

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
        """What lets code go on that values or a device would have stopped."""
        return [autocast_on_meta(), faked(observer, self.registry)]

    def _real(self, places: Places, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Trace:
        compiler_was_there = _compiler_is_there()
        try:
            return self.traced(places, args, kwargs, _real_modes)
        except Exception:
            if compiler_was_there or not _compiler_is_there():
                raise
            # the forward itself brought in the compiler, too late to be told to stand back: once more
            return self.traced(places, args, kwargs, _real_modes)

    def traced(
        self, places: Places, args: tuple[Any, ...], kwargs: Mapping[str, Any], modes: MakesModes
    ) -> Trace:
        """What a forward runs under the modes that ``modes`` makes."""
        outer = list(observers_here())
        for each in outer:
            each.paused += 1
        try:
            with preserved(places, (args, kwargs)) as guard:
                observer = Observer(places, self.memo, self._priced())
                run, others = modes(observer, guard, model_data(places, (args, kwargs)))
                observer.shapes_only = isinstance(run, ShapesRun)
                with (
                    shared("the collector", _stop_collector)
                    if observer.shapes_only
                    else nullcontext()
                ):
                    with _observing(observer, places, [run, *others]):
                        _call(places.model, args, kwargs, observer)
                    return observer.trace(run.name)
        finally:
            places.forget_strangers()
            for each in outer:
                each.paused -= 1

    @contextmanager
    def watching(self, places: Places) -> Iterator[Observer]:
        """Observe whatever runs in the block, as it is. What it does to the model stays."""
        self.memo.trim()
        observer = Observer(places, self.memo, self._priced())
        with _observing(observer, places, [RealRun(observer, None)]):
            yield observer

    def _priced(self) -> Callable[[Op], bool]:
        resolver = Resolver(self.registry)
        return lambda op: resolver.op(op)[0] is not None


def _real_modes(
    observer: Observer, guard: Guard, data: Iterator[torch.Tensor]
) -> tuple[Run, Modes]:
    return RealRun(observer, guard), []


@contextmanager
def _observing(observer: Observer, places: Places, modes: Modes) -> Iterator[None]:
    stack = observers_here()
    stack.append(observer)
    try:
        with ExitStack() as entered:
            entered.enter_context(_eager(places))
            entered.enter_context(hooked(observer, places))
            for mode in modes:
                entered.enter_context(mode)
            yield
    finally:
        stack.remove(observer)


def _stop_collector() -> Undo:
    """Hold Python's garbage collector back: a shapes-only run makes many small objects that are all kept.

    Else the collector walks all that is alive several times while a large model is counted, for nothing.
    """
    if not gc.isenabled():
        return lambda: None
    gc.disable()
    return gc.enable


@contextmanager
def _eager(places: Places) -> Iterator[None]:
    """Compiled code shows neither modules nor ops: run what was compiled as it was written."""
    if not _compiler_is_there():
        yield
        return
    with ExitStack() as entered:
        if any(wrapped_as(type(module)) for module in places.modules):
            entered.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", message=".*when there are global hooks on modules")
        entered.enter_context(torch.compiler.set_stance("force_eager"))
        yield


def _compiler_is_there() -> bool:
    # flex_attention and torch.cond bring it in themselves
    return "torch._dynamo" in sys.modules or "torch.nn.attention.flex_attention" in sys.modules


def _call(
    model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], observer: Observer
) -> None:
    try:
        model(*args, **kwargs)
    except HookcountError:
        raise
    except Exception as error:
        where = place(*observer.failed_at) if observer.failed_at else place("", type_name(model))
        note(
            error,
            f"hookcount: raised in {where} while it was being counted; the model is as it was before.",
        )
        raise

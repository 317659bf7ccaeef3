"""``count``, ``Counter`` and ``Watch``: observe, price, report."""

from __future__ import annotations

import gc
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from .errors import HookcountError, InputError, ModelError, UncountedWarning, note, place, tell
from .formulas import SHIPPED
from .observe.autocast import autocast_on_meta
from .observe.constants import Constants, needs_constants
from .observe.dispatch import RealRun
from .observe.fakes import faked, for_want_of_values
from .observe.hooks import hooked
from .observe.memo import Memo
from .observe.observer import Observer, observers_here
from .observe.places import Places, type_name, unwrap, wrapped_as
from .observe.shapes import ConstantsLostError, ShapesRun, model_data
from .observe.state import Guard, preserved
from .registry import Registry, Resolver
from .report import Report
from .trace import Trace

USER = Registry(SHIPPED, name="the registrations of hookcount.register")
"""What ``hookcount.register`` fills; it answers before hookcount's own formulas."""

register = USER.register
register_fake = USER.register_fake
replace = USER.replace
unregister = USER.unregister

_RUNS = ("auto", "shapes", "real")


def count(model: nn.Module, /, *args: Any, **kwargs: Any) -> Report:
    """Run ``model(*args, **kwargs)`` once and count it, module by module.

    It takes what ``forward`` takes, nothing else (options: ``Counter``), and runs in the grad mode and the train or eval mode
    that it finds. Afterwards the model, its inputs and the random state are bit for bit as before.

    Emits one ``UncountedWarning`` if anything that ran has no formula. Raises ``ModelError`` for what is no model or has
    uninitialised lazy parameters, ``FormulaError`` for a formula that fails, and the model's own exception with a note of the
    module path.
    """
    return Counter()._count(model, args, kwargs)


class Counter:
    """A way of counting: with formulas of its own, or another way to run.

    ``registry``: formulas that answer before those of ``hookcount.register`` and hookcount's own; a ``Registry()`` without a base
    is laid over them.

    ``run``: ``"shapes"`` runs the model's code without its arithmetic (``observe/shapes.py``); ``"real"`` runs the model as it
    is; ``"auto"`` tries shapes and, where that cannot go on, runs a real model for real, once. ``report.run`` says which it was.
    A counter that is used again remembers the shapes that ops gave, up to a bound.
    """

    def __init__(self, registry: Registry | None = None, run: str = "auto") -> None:
        if registry is not None and not isinstance(registry, Registry):
            raise InputError(f"Counter(registry={registry!r}): not a Registry. To fix it: give a hookcount.Registry.")
        if run not in _RUNS:
            raise InputError(f"Counter(run={run!r}): no such run. To fix it: use one of {', '.join(map(repr, _RUNS))}.")
        self.registry = _over_the_rest(registry)
        self.run = run
        self._memo = Memo()

    def count(self, model: nn.Module, /, *args: Any, **kwargs: Any) -> Report:
        """As ``hookcount.count``, this counter's way."""
        return self._count(model, args, kwargs)

    def _count(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Report:
        report = Report(self._observe(checked(model), args, kwargs), self.registry, memo=self._memo.prices, model=model)
        self._memo.trim()
        _warn(report, stacklevel=4)
        return report

    def _observe(self, places: Places, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Trace:
        if self.run != "real":
            try:
                return self._shapes(places, args, kwargs)
            except Exception:
                # where values are needed, or shapes do not tell what is wrong, the real run says how it is
                if self.run == "shapes" or any(tensor.is_meta for tensor in model_data(places, (args, kwargs))):
                    raise
        return self._real(places, args, kwargs)

    def _shapes(self, places: Places, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Trace:
        if not needs_constants(places):
            try:
                return self._observed(places, args, kwargs, self._shapes_mode)
            except Exception as error:  # an older torch loses constants without a sign
                if not isinstance(error, ConstantsLostError) and not for_want_of_values(error):
                    raise
        return self._observed(places, args, kwargs, self._shapes_modes_with_constants)

    def _shapes_mode(self, observer: Observer, guard: Guard, data: Iterator[torch.Tensor]) -> list[Any]:
        return [ShapesRun(observer, guard, data, self._memo, keeps_constants=False), *self._allowances(observer)]

    def _shapes_modes_with_constants(self, observer: Observer, guard: Guard, data: Iterator[torch.Tensor]) -> list[Any]:
        run = ShapesRun(observer, guard, data, self._memo, keeps_constants=True)
        return [run, Constants(run), *self._allowances(observer)]

    def _allowances(self, observer: Observer) -> list[Any]:
        """What lets code go on that values or a device would have stopped."""
        return [autocast_on_meta(), faked(observer, self.registry)]

    def _real(self, places: Places, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Trace:
        compiler_was_there = _compiler_is_there()
        try:
            return self._observed(places, args, kwargs, _real_modes)
        except Exception:
            if compiler_was_there or not _compiler_is_there():
                raise
            # the forward itself brought in the compiler, too late to be told to stand back: once more
            return self._observed(places, args, kwargs, _real_modes)

    def _observed(self, places: Places, args: tuple[Any, ...], kwargs: dict[str, Any], modes: Callable[..., list[Any]]) -> Trace:
        """What a forward ran under the modes that ``modes`` makes of an observer, a guard and the data; the first is the run."""
        outer = list(observers_here())
        for each in outer:
            each.paused += 1
        try:
            with preserved(places, (args, kwargs)) as guard:
                observer = Observer(places, self._memo, self._priced())
                entered = modes(observer, guard, model_data(places, (args, kwargs)))
                observer.shapes_only = isinstance(entered[0], ShapesRun)
                with _collector_waits() if observer.shapes_only else nullcontext():
                    with _observing(observer, places, entered):
                        _call(places.model, args, kwargs, observer)
                    return observer.trace(entered[0].name)
        finally:
            places.forget_strangers()
            for each in outer:
                each.paused -= 1

    def _priced(self) -> Callable[[Any], bool]:
        resolver = Resolver(self.registry)
        return lambda op: resolver.op(op)[0] is not None

    @contextmanager
    def watch(self, model: nn.Module) -> Iterator[Watch]:
        """Count whatever runs in the block: several calls, ``generate()``, a training loop. What it does to the model stays.

        Ops outside every module call stand at the path ``<outside>``.
        """
        self._memo.trim()
        places = checked(model)
        watch = Watch(self, Observer(places, self._memo, self._priced()))
        try:
            with _observing(watch._observer, places, [RealRun(watch._observer, None)]):
                yield watch
        finally:
            watch._end()


class Watch:
    """What a ``watch`` block gives; ``report()`` once the block has ended, also by an exception."""

    def __init__(self, counter: Counter, observer: Observer) -> None:
        self._counter = counter
        self._observer = observer
        self._trace: Trace | None = None

    def _end(self) -> None:
        self._trace = self._observer.trace("real")

    def report(self) -> Report:
        """The report of what ran. Raises ``InputError`` before the block has ended."""
        if self._trace is None:
            raise InputError("the watch has not ended. To fix it: call report() after the `with` block.")
        report = Report(self._trace, self._counter.registry)
        _warn(report, stacklevel=3)
        return report


def _real_modes(observer: Observer, guard: Guard, data: Iterator[torch.Tensor]) -> list[Any]:
    return [RealRun(observer, guard)]


def _over_the_rest(registry: Registry | None) -> Registry:
    if registry is None:
        return USER
    if SHIPPED in registry.layers():
        return registry
    # a copy of its layers with the user's and the shipped ones beneath, so that the given registry stays as it is
    return registry.over(USER)


@contextmanager
def _observing(observer: Observer, places: Places, modes: list[Any]) -> Iterator[None]:
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


@contextmanager
def _collector_waits() -> Iterator[None]:
    """Hold Python's garbage collector back: a shapes-only run makes many small objects that are all kept, and no large ones.

    Else it walks all that is alive several times while a large model is counted, for nothing.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


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


def checked(model: object) -> Places:
    """The places of a model to count, seen through its wrappers. Raises ``ModelError`` for none, or lazy parameters."""
    if isinstance(model, type) and issubclass(model, nn.Module):
        raise ModelError(f"{model.__name__} is a class, not a model. To fix it: give an instance, {model.__name__}(...).")
    if not isinstance(model, nn.Module):
        raise ModelError(
            f"cannot count {type(model).__name__}: not an nn.Module. To fix it: give the model itself; "
            "wrap a function in a module whose forward calls it."
        )
    places = Places(unwrap(model))
    if any(map(is_lazy, (*places.parameters, *places.buffers))):
        path, module, name = next(
            (path, module, name)
            for path, module in places.walked
            for name, tensor in (*module._parameters.items(), *module._buffers.items())
            if tensor is not None and is_lazy(tensor)
        )
        raise ModelError(
            tell(
                place(path, type_name(module)),
                f"its {name!r} is a lazy parameter that has no shape yet",
                "run the model once on real inputs, then count it",
            )
        )
    return places


def _call(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], observer: Observer) -> None:
    try:
        model(*args, **kwargs)
    except HookcountError:
        raise
    except Exception as error:
        where = place(*observer.failed_at) if observer.failed_at else place("", type_name(model))
        note(error, f"hookcount: raised in {where} while it was being counted; the model is as it was before.")
        raise


def _warn(report: Report, stacklevel: int) -> None:
    if report.uncounted:
        warnings.warn(UncountedWarning(report.doubts()), stacklevel=stacklevel)

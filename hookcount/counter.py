"""``count``, ``Counter`` and ``Watch``: observe, price, report."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, get_args

from torch import nn

from .analysis.scaling.scaling import Count, Inputs, Scaling, scale
from .analysis.size import ModelSize, size_of
from .conventions import DEFAULT
from .core.errors import InputError, UncountedWarning
from .core.trace import Trace
from .formulas import BUILTIN
from .observe.model import checked
from .observe.observer import Observer
from .observe.run import How, Runner
from .pricing.priced import Priced
from .report import Again, Report
from .rules.convention import Convention
from .rules.registry import Registry

USER = Registry(BUILTIN, name="the registrations of hookcount.register")
"""What ``hookcount.register`` fills. It answers before hookcount's own formulas."""

register = USER.register
register_fake = USER.register_fake
replace = USER.replace
unregister = USER.unregister


def count(model: nn.Module, /, *args: Any, **kwargs: Any) -> Report:
    """Run ``model(*args, **kwargs)`` once and count it, module by module.

    It takes what ``forward`` takes, nothing else (options: ``Counter``). It runs in the grad mode and the train or eval
    mode that it finds. Afterwards the model, its inputs and the random state are bit for bit as before.

    Emits one ``UncountedWarning`` if anything that ran has no formula. Raises ``ModelError`` for what is no model or has
    uninitialised lazy parameters, ``FormulaError`` for a formula that fails, and the model's own exception with a note
    of the module path.
    """
    return Counter()._count(model, args, kwargs)


class Counter:
    """A way of counting: with formulas of its own, or another way to run.

    ``registry``: formulas that answer before those of ``hookcount.register`` and hookcount's own. A ``Registry()``
    without a base is laid over them.

    ``run``: ``"shapes"`` runs the model's code without its arithmetic; ``"real"`` runs the model as it is. ``"auto"``
    tries shapes and, where that cannot go on, runs a real model for real, once. ``report.run`` says which it was.

    A counter that is used again remembers the shapes that ops gave, up to a bound.
    """

    def __init__(self, registry: Registry | None = None, run: How = "auto") -> None:
        if registry is not None and not isinstance(registry, Registry):
            raise InputError(
                f"Counter(registry={registry!r}): not a Registry. To fix it: give a hookcount.Registry."
            )
        if run not in get_args(How):
            known = ", ".join(map(repr, get_args(How)))
            raise InputError(f"Counter(run={run!r}): no such run. To fix it: use one of {known}.")
        self.runner = Runner(_over_the_rest(registry), run)

    @property
    def registry(self) -> Registry:
        """The formulas that answer, in layers."""
        return self.runner.registry

    @property
    def run(self) -> How:
        """``"auto"``, ``"shapes"`` or ``"real"``."""
        return self.runner.how

    def count(self, model: nn.Module, /, *args: Any, **kwargs: Any) -> Report:
        """As ``hookcount.count``, this counter's way."""
        return self._count(model, args, kwargs)

    def _count(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Report:
        report = Report(self.priced(model, args, kwargs), _again(model, self))
        _warn(report, stacklevel=4)
        return report

    def priced(
        self,
        model: nn.Module,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        convention: Convention = DEFAULT,
    ) -> Priced:
        """The trace of a count under a convention, without a report and without a warning."""
        memo = self.runner.memo
        priced = Priced(
            self.runner.trace(checked(model), args, kwargs), self.registry, convention, memo.prices
        )
        priced.sums  # noqa: B018 (a formula that fails raises here, not when a figure is read)
        memo.trim()
        return priced

    @contextmanager
    def watch(self, model: nn.Module) -> Iterator[Watch]:
        """Count whatever runs in the block: several calls, ``generate()``, a training loop. Its effects on the model stay.

        Ops outside every module call are at the path ``<outside>``.
        """
        places, watch = checked(model), None
        try:
            with self.runner.watching(places) as observer:
                watch = Watch(self, observer)
                yield watch
        finally:
            if watch is not None:
                watch._end()


class Watch:
    """The observation of a ``watch`` block. Ask for its ``report()`` once the block has ended, also by an exception."""

    def __init__(self, counter: Counter, observer: Observer) -> None:
        self._counter = counter
        self._observer = observer
        self._trace: Trace | None = None

    def _end(self) -> None:
        self._trace = self._observer.trace("real")

    def report(self) -> Report:
        """The report of what ran. Raises ``InputError`` before the block has ended."""
        if self._trace is None:
            raise InputError(
                "the watch has not ended. To fix it: call report() after the `with` block."
            )
        report = Report(Priced(self._trace, self._counter.registry, DEFAULT))
        _warn(report, stacklevel=3)
        return report


def size(model: nn.Module) -> ModelSize:
    """How large a model is: parameters (trainable, frozen), buffers, bytes by dtype, layers. It is not run.

    Raises ``ModelError`` for what is no ``nn.Module`` or has lazy parameters without a shape.
    """
    return size_of(checked(model).facts())


def scaling(
    model: nn.Module,
    inputs: Inputs,
    sizes: Iterable[int] | None = None,
    counter: Counter | None = None,
) -> Scaling:
    """Count ``model`` at several sizes n and find the polynomials of its counts: MACs(n) = a n^2 + b n + c, exactly.

    ``inputs(n)`` gives the model's input at size n: a tensor, a tuple of arguments or a dict of keyword arguments. Meta
    tensors will do. A polynomial of degree 4 or less is fitted to as few sizes as it takes and checked on all others.

    ``sizes``: at least 4; the more, the more it is checked. If not given, 64 to 288 by steps of 32, and two that are off
    that step, if the model runs at them. ``counter``: a way to count; if not given, only shapes are run.

    Raises ``InputError`` for fewer than 4 different sizes, for an input that is none of these, and where the model
    fails: it names the size and the module.
    """
    checked(model)
    counter = counter or Counter(run="shapes")
    return scale(partial(counter.priced, model), inputs, sizes)


def _again(model: nn.Module, counter: Counter) -> Again:
    """What counts a report's model again, as it is by then. It keeps no model alive."""
    reference, registry = weakref.ref(model), counter.registry

    def again(run: str) -> Count | None:
        found = reference()
        if found is None:
            return None
        return partial(Counter(registry, "shapes" if run == "shapes" else "auto").priced, found)

    return again


def _over_the_rest(registry: Registry | None) -> Registry:
    if registry is None:
        return USER
    if BUILTIN in registry.layers():
        return registry
    # a copy of its layers with the user's and the built-in ones beneath, so that the given registry stays as it is
    return registry.over(USER)


def _warn(report: Report, stacklevel: int) -> None:
    if report.uncounted:
        warnings.warn(UncountedWarning(report.explain_uncounted()), stacklevel=stacklevel)

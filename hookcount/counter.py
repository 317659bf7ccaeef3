"""``count``, ``Counter`` and ``Watch``: they observe a model, price the trace and make a report."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Iterable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import Any, get_args

from torch import nn

from .analysis.scaling.again import Again
from .analysis.scaling.scaling import Count, Inputs, Scaling, scale
from .analysis.size import ModelSize, size_of
from .conventions import DEFAULT
from .core.errors import InputError, UncountedWarning, error_text
from .core.trace import Trace
from .dataset import over as dataset
from .dataset.report import DataSetReport
from .formulas import BUILTIN
from .observe.block import Block
from .observe.company import alone
from .observe.compiler import outside_of_compiler, uncompiled
from .observe.exported import Model, program_module
from .observe.exported import countable as countable  # for compare
from .observe.interrupts import HeldBack
from .observe.leftovers import leftovers_named
from .observe.model import checked
from .observe.observer import Observer
from .observe.run import How, Runner
from .pricing.priced import Priced
from .report import Report
from .rules.convention import Convention
from .rules.registry import Registry

USER = Registry(BUILTIN, name="the registrations of hookcount.register", home=f"{__name__}:USER")
"""The layer that ``hookcount.register`` fills. It comes before hookcount's own formulas."""

register = USER.register
register_fake = USER.register_fake
replace = USER.replace
unregister = USER.unregister


@uncompiled
def count(model: Model, /, *args: object, **kwargs: object) -> Report:
    """Run ``model(*args, **kwargs)`` once and count it, module by module.

    ``args`` and ``kwargs`` are the arguments of ``forward``; options are those of ``Counter``. The
    grad mode and the train or eval mode stay as they are. Of a program of ``torch.export`` its
    ``module()`` is counted. Afterwards the model, its inputs and the
    random state are bit for bit as before.

    Emits one ``UncountedWarning`` if anything that ran has no formula. Raises ``ModelError`` if
    ``model`` is no ``nn.Module`` or has uninitialised lazy parameters, and ``FormulaError`` if a
    formula fails. Exceptions of the model are passed on, with a note that names the module path.
    """
    return Counter()._count(model, args, kwargs)


class Counter:
    """Counts models with formulas of its own, or with another kind of run.

    ``registry``: formulas that come before those of ``hookcount.register`` and hookcount's own. A
    ``Registry()`` without a base is put above these two layers.

    ``run``: ``"shapes"`` runs the model's code without its arithmetic. ``"real"`` runs the model as
    it is. ``"auto"`` tries shapes first. If the code needs values, the model then runs once for
    real, unless it is on the meta device. ``report.run`` has the kind of the run.

    A counter remembers the output shapes of ops, up to a bound, so that later counts are faster.
    A copied or pickled counter starts without them. Formulas that are lambdas or local functions
    cannot be pickled: ``PickleError``.

    Raises ``InputError`` for a ``registry`` that is no ``Registry``, and for an unknown ``run``.
    """

    @uncompiled
    def __init__(self, registry: Registry | None = None, run: How = "auto") -> None:
        if registry is not None and not isinstance(registry, Registry):
            raise InputError(
                error_text(
                    f"Counter(registry={registry!r})",
                    "the registry is not a Registry",
                    "give a hookcount.Registry",
                )
            )
        if run not in get_args(How):
            fix = f"use one of {', '.join(map(repr, get_args(How)))}"
            raise InputError(error_text(f"Counter(run={run!r})", "there is no such run", fix))
        self.runner = Runner(_over_the_rest(registry), run)

    @classmethod
    def of(cls, runner: Runner) -> Counter:
        """The counter that uses a runner."""
        made = cls.__new__(cls)
        made.runner = runner
        return made

    def __getstate__(self) -> dict[str, Any]:
        """The state to copy or pickle. A copy knows no results of earlier counts."""
        return {**vars(self), "runner": (self.registry, self.run)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, runner=Runner(*state["runner"]))

    @property
    def registry(self) -> Registry:
        """The formulas of this counter, in layers."""
        return self.runner.registry

    @property
    def run(self) -> How:
        """The kind of run: ``"auto"``, ``"shapes"`` or ``"real"``."""
        return self.runner.how

    @uncompiled
    def count(self, model: Model, /, *args: object, **kwargs: object) -> Report:
        """As ``hookcount.count``, with the options of this counter."""
        return self._count(model, args, kwargs)

    def _count(self, model: Model, args: tuple[object, ...], kwargs: dict[str, object]) -> Report:
        report = self.reported(model, args, kwargs)
        warn_uncounted(report, stacklevel=5)
        return report

    def reported(self, model: Model, args: tuple[object, ...], kwargs: dict[str, object]) -> Report:
        """A count without an ``UncountedWarning``. Raises the errors of ``hookcount.count``."""
        return Report(self.priced(model, args, kwargs), _again(model, self))

    def priced(
        self,
        model: Model,
        args: tuple[object, ...],
        kwargs: dict[str, object],
        convention: Convention = DEFAULT,
    ) -> Priced:
        """A count under a convention, without a report and without an ``UncountedWarning``.

        Raises the errors of ``hookcount.count``.
        """
        memo = self.runner.memo
        memo.refresh()
        tree = checked(program_module(model))
        with HeldBack() as signals:
            with leftovers_named():  # after the run, which has put everything back
                trace = self.runner.trace(tree, args, kwargs)
            with alone():  # a formula may read the shape of a weight
                priced = Priced(trace, self.registry, convention, memo.prices())
                try:
                    signals.holding = False
                    signals.release()
                    priced.sums  # noqa: B018 (a formula that fails raises here, not later)
                finally:
                    signals.holding = True
        memo.keep_prices(priced.prices)
        memo.trim()
        return priced

    @uncompiled
    def over(
        self,
        model: Model,
        batches: Iterable[object],
        *,
        n: int | None = None,
        inputs: dataset.Inputs | None = None,
    ) -> DataSetReport:
        """As ``hookcount.over``, with the options of this counter."""
        return self._over(model, batches, n, inputs)

    def _over(
        self,
        model: Model,
        batches: Iterable[object],
        n: int | None,
        inputs: dataset.Inputs | None,
    ) -> DataSetReport:
        found = self.reported_over(model, batches, n, inputs)
        warn_uncounted(found, stacklevel=5)
        return found

    def reported_over(
        self,
        model: Model,
        batches: Iterable[object],
        n: int | None,
        inputs: dataset.Inputs | None,
    ) -> DataSetReport:
        """As ``over``, without an ``UncountedWarning``."""
        called = checked(program_module(model)).model
        return dataset.over(batches, n, inputs, called, partial(self.reported, model))

    @uncompiled
    def watch(self, model: nn.Module) -> AbstractContextManager[Watch]:
        """Count all that runs in a ``with`` block: several calls, ``generate()``, a training loop.

        The block runs for real, and its effects on the model stay. Ops outside every module call
        are at the path ``<outside>``. Raises ``ModelError`` as ``hookcount.count`` does.
        """
        return Block(partial(self._watching, model), Watch._end)

    def _watching(self, model: nn.Module, block: ExitStack) -> Watch:
        block.enter_context(outside_of_compiler())
        observer = block.enter_context(self.runner.watching(checked(model)))
        observer.origins.lasting = True
        return Watch(self, observer)


class Watch:
    """The observation of a ``watch`` block. Its ``report()`` is there once the block has ended.

    A block that ended with an exception has a report too.
    """

    def __init__(self, counter: Counter, observer: Observer) -> None:
        self._counter = counter
        self._observer = observer
        self._trace: Trace | None = None

    def _end(self) -> None:
        self._trace = self._observer.trace("real")

    @uncompiled
    def report(self) -> Report:
        """The report of the block. Raises ``InputError`` before the block has ended."""
        if self._trace is None:
            fix = "call report() after the `with` block"
            raise InputError(error_text("Watch.report()", "the watch has not ended", fix))
        report = Report(Priced(self._trace, self._counter.registry, DEFAULT))
        warn_uncounted(report.step if self._counter.runner.trains else report, stacklevel=4)
        return report


@uncompiled
def over(
    model: Model,
    batches: Iterable[object],
    *,
    n: int | None = None,
    inputs: dataset.Inputs | None = None,
) -> DataSetReport:
    """Count ``model`` on each item of a data set, each distinct input once.

    ``batches``: a list, a loader or a generator. Each item is what the forward takes: a tensor, a
    tuple of arguments or a dict of keyword arguments. ``inputs`` is a function that makes this of
    an item: ``inputs=lambda batch: batch[0]`` for pairs of images and labels. ``n``: count this
    many items, and take no more from ``batches``.

    Inputs are equal if their shapes are, and the values of numbers and of small tensors of integers
    and booleans, which decide the path of the code; and if the model has the same modules in the
    same modes. An input that ran for real is counted anew. Values of other tensors which a forward
    reads from its argument itself (``x.tolist()``) are not compared.

    Raises ``ItemError`` if an item fails; its ``result`` has the items before it. Raises
    ``InputError`` for a bad option and for no items, and ``ModelError`` as ``count`` does.
    """
    return Counter()._over(model, batches, n, inputs)


@uncompiled
def size(model: Model) -> ModelSize:
    """How large a model is: parameters (trainable, frozen), buffers, bytes by dtype, layers.

    The model does not run. Raises ``ModelError`` if ``model`` is no ``nn.Module`` or has lazy
    parameters without a shape.
    """
    return size_of(checked(program_module(model)).facts())


@uncompiled
def scaling(
    model: Model,
    inputs: Inputs,
    sizes: Iterable[int] | None = None,
    counter: Counter | None = None,
) -> Scaling:
    """Count ``model`` at several sizes n and find exact polynomials: MACs(n) = a n^2 + b n + c.

    ``inputs(n)`` gives the model's input at size n: a tensor, a tuple of arguments or a dict of
    keyword arguments. Meta tensors are enough. Each polynomial has at most degree 4. It is fitted
    to as few sizes as possible and checked at all others.

    ``sizes``: at least 4; more sizes check the polynomials better. The default is 64 to 288 in
    steps of 32, and two sizes off these steps if the model runs at them. ``counter``: by default,
    one that runs shapes only.

    Raises ``InputError`` for fewer than 4 different sizes, for an input of another type, and if the
    model fails. The text names the size and the module.
    """
    checked(program_module(model))
    check_counter(counter, "scaling(counter=...)")
    counter = counter or Counter(run="shapes")
    with leftovers_named():
        return scale(partial(counter.priced, model), inputs, sizes, stacklevel=4)


def _again(model: Model, counter: Counter) -> Again:
    """A function that counts a report's model again, in its state at that time.

    The function holds only a weak reference to the model.
    """
    reference, registry = weakref.ref(model), counter.registry

    def again(run: str) -> Count | None:
        found = reference()
        if found is None:
            return None
        return partial(Counter(registry, "shapes" if run == "shapes" else "auto").priced, found)

    return again


def _over_the_rest(registry: Registry | None) -> Registry:
    """The registry above the user's and the built-in formulas."""
    if registry is None:
        return USER
    if BUILTIN in registry.layers():
        return registry
    # a copy of its layers, so that the given registry stays as it is
    return registry.over(USER)


def check_counter(given: object, where: str, fix: str = "") -> None:
    """Raise ``InputError`` for a counter that is no ``Counter``. ``fix``: what else to do."""
    if not (given is None or isinstance(given, Counter)):
        what = f"this is of type {type(given).__name__}"
        raise InputError(error_text(where, what, f"give a hookcount.Counter{fix}"))


def warn_uncounted(report: Report | DataSetReport, stacklevel: int) -> None:
    """Warn if something that ran has no formula."""
    if uncounted := report.explain_uncounted():
        warnings.warn(UncountedWarning(uncounted), stacklevel=stacklevel)

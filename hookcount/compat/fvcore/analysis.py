"""``FlopCountAnalysis``: the counts of fvcore for a model, by module and by operator."""

from __future__ import annotations

import logging
import warnings
from collections import Counter, defaultdict
from typing import get_args

from torch import nn

from ...core.trace import Trace
from ...observe.model import checked
from ...pricing.price import Prices
from ..jit.names import checked_name
from ..jit.run import observe
from ..shared import one_of, refused
from .handles import Handle
from .scopes import Ancestors, Handles, Statistics, statistics

_LOG = logging.getLogger(__name__)
_TRACER_WARNINGS = ("all", "no_tracer_warning", "none")
_NEVER_CALLED = (nn.Module, nn.ModuleList, nn.ModuleDict, nn.Identity)
"""Classes without a forward, or with one that does nothing."""
_NO_FORWARD = {cls.forward for cls in _NEVER_CALLED}


class FlopCountAnalysis:
    """The counts of fvcore for ``model(*inputs)``, by module and by operator.

    ``inputs`` is a tuple of arguments, or one argument. The model runs once, for real, when a
    figure is first needed. It runs in the current train or eval modes. Afterwards it is bit for bit
    as before. New handles price the same run again.

    The names of modules are those of ``named_modules``. A module with several names has its figures
    under the first one. Every method takes any of its names.

    The differences from fvcore 0.1.5:

    - An ``autograd.Function`` and a scripted function count as the ops that they run.
    - Arithmetic on sizes (``x.shape[1] * 2``) runs no op. It is therefore not in
      ``unsupported_ops``, and a module that does nothing else is uncalled.
    - An op counts even if its result is not used. A jit trace drops such an op.
    - An einsum counts exactly, not to four digits.
    - Of the ops on ids or masks, only contractions count.
    - ``set_op_handle(op, None)`` ignores any op, as fvcore documents it. In fvcore itself, an op
      with a rule still counts.
    - A model that fvcore cannot trace (a dict of outputs), or that fails one of its assertions (a
      product with a vector), counts here.
    - In a model that is wrapped (``DataParallel``), the names are those of the model inside.
    - ``unsupported_ops`` counts if no figure was needed before. ``copy`` keeps every setting.

    Raises ``ModelError`` for a value that is no model. The first figure raises the errors of
    ``hookcount.count``.
    """

    def __init__(self, model: nn.Module, inputs: object) -> None:
        self._model = model
        self._inputs = inputs
        self._places = checked(model)
        first: dict[int, str] = {}
        self._aliases = {
            path: first.setdefault(id(module), path) for path, module in self._places.walked
        }
        self._handles = Handles({})
        self._ancestors: Ancestors = "owner"
        self._tracer_warnings = "no_tracer_warning"
        self._warns_of_ops = self._warns_of_modules = True
        self._trace: Trace | None = None
        self._prices: Prices = {}
        self._statistics: Statistics | None = None

    @property
    def model(self) -> nn.Module:
        """The model that is counted, as it was given."""
        return self._model

    # -- figures -----------------------------------------------------------------------------------

    def total(self, module_name: str = "") -> int | float:
        """The sum over all operators in a module, with its submodules.

        An int, unless a handle returned a float.
        """
        return sum(self.by_operator(module_name).values())

    def by_operator(self, module_name: str = "") -> Counter[str]:
        """The figure of each operator in a module, with its submodules."""
        name = self.canonical_module_name(module_name)
        return self._analyze().counts[name].copy()

    def by_module(self) -> Counter[str]:
        """The total of each module with its submodules."""
        return Counter(
            {name: sum(figures.values()) for name, figures in self._analyze().counts.items()}
        )

    def by_module_and_operator(self) -> dict[str, Counter[str]]:
        """The figure of each operator, for each module with its submodules."""
        return {name: figures.copy() for name, figures in self._analyze().counts.items()}

    def unsupported_ops(self, module_name: str = "") -> Counter[str]:
        """The number of calls of each uncounted op in a module, with its submodules.

        An op is uncounted if it has neither a rule nor a handle, and is not passed over. The key is
        its full name (``aten::gelu``).
        """
        name = self.canonical_module_name(module_name)
        return self._analyze().unsupported[name].copy()

    def uncalled_modules(self) -> set[str]:
        """The modules in which no op ran, nor in their submodules. They may have been called."""
        return set(self._analyze().uncalled)

    # -- settings ----------------------------------------------------------------------------------

    def set_op_handle(
        self, *args: str | Handle | None, **kwargs: Handle | None
    ) -> FlopCountAnalysis:
        """Set handles, as ``name, handle, name, handle, ...`` or as ``**{name: handle}``.

        None as a handle ignores the op. A handle is called as ``handle(inputs, outputs)``, once for
        each distinct call of the op. It returns a number, or a Counter of names and numbers.

        The items of ``inputs`` and ``outputs`` have these methods of the values of a jit graph:
        ``isCompleteTensor()``, ``type().sizes()``, ``.dim()``, ``.dtype()``, ``.kind()``,
        ``toIValue()``, and ``node().inputs()`` of a list. ``fvcore.nn.jit_handles.get_shape``
        therefore accepts them.

        A name is that of an op as Python calls it: ``aten::linear``, ``aten::softmax``,
        ``aten::scaled_dot_product_attention``. Every convolution is ``aten::_convolution``.

        Raises ``InputError`` for a name without a handle, for a handle that is no function, and for
        a name that no op has here.
        """
        if len(args) % 2:
            where = "set_op_handle()"
            fix = "give pairs: name, handle, name, handle"
            raise refused(where, f"{args[-1]!r} has no handle", fix)
        given = [*kwargs.items(), *zip(args[::2], args[1::2], strict=True)]
        mine, ignored = dict(self._handles.mine), set(self._handles.ignored)
        for name, handle in [(_checked_op(name), handle) for name, handle in given]:
            mine.pop(name, None)
            ignored.discard(name)
            if handle is None:
                ignored.add(name)
            else:
                mine[name] = _checked_handle(name, handle)
        self._handles = Handles(mine, frozenset(ignored), self._handles.cleared)
        self._statistics = None
        return self

    def clear_op_handles(self) -> FlopCountAnalysis:
        """Take all handles away, fvcore's own too. Only fvcore's ignored ops stay ignored."""
        self._handles = Handles({}, cleared=True)
        self._statistics = None
        return self

    def canonical_module_name(self, name: str) -> str:
        """The first name of a module, under which its figures are.

        Raises ``InputError`` for a name that no module has.
        """
        if name not in self._aliases:
            fix = "use a name in dict(model.named_modules(remove_duplicate=False))"
            raise refused(repr(name), "this names no module of the model", fix)
        return self._aliases[name]

    def copy(
        self, new_model: nn.Module | None = None, new_inputs: object = None
    ) -> FlopCountAnalysis:
        """An analysis with the same settings. Without a new model or new inputs, it has these."""
        made = type(self)(
            self._model if new_model is None else new_model,
            self._inputs if new_inputs is None else new_inputs,
        )
        made._handles, made._ancestors = self._handles, self._ancestors
        made._tracer_warnings = self._tracer_warnings
        made._warns_of_ops, made._warns_of_modules = self._warns_of_ops, self._warns_of_modules
        return made

    def tracer_warnings(self, mode: str) -> FlopCountAnalysis:
        """Whether warnings are shown while the model runs.

        ``"none"`` silences them. ``"all"`` and ``"no_tracer_warning"`` show them; there is no
        tracer here that could warn. Raises ``InputError`` for any other mode.
        """
        self._tracer_warnings = one_of(f"tracer_warnings({mode!r})", mode, _TRACER_WARNINGS)
        return self

    def ancestor_mode(self, mode: str) -> FlopCountAnalysis:
        """Which modules an op counts for.

        ``"owner"``: the module that runs it, and the modules above that one in the tree.
        ``"caller"``: all modules whose forward is running.

        Raises ``InputError`` for any other mode.
        """
        modes = get_args(Ancestors)
        self._ancestors = modes[modes.index(one_of(f"ancestor_mode({mode!r})", mode, modes))]
        self._statistics = None
        return self

    def unsupported_ops_warnings(self, enabled: bool) -> FlopCountAnalysis:
        """Whether unsupported ops are logged with the count. By default they are."""
        self._warns_of_ops = enabled
        return self

    def uncalled_modules_warnings(self, enabled: bool) -> FlopCountAnalysis:
        """Whether uncalled modules are logged with the count. By default they are."""
        self._warns_of_modules = enabled
        return self

    # -- the count ---------------------------------------------------------------------------------

    def _analyze(self) -> Statistics:
        if self._statistics is None:
            if self._trace is None:
                self._trace = self._observe()
            self._statistics = statistics(
                self._trace, self._aliases, self._handles, self._ancestors, self._prices
            )
            self._warn(self._statistics)
        return self._statistics

    def _observe(self) -> Trace:
        args = self._inputs if isinstance(self._inputs, tuple) else (self._inputs,)
        with warnings.catch_warnings():
            if self._tracer_warnings == "none":
                warnings.simplefilter("ignore")
            return observe(self._places, args)

    def _warn(self, found: Statistics) -> None:
        if self._warns_of_ops:
            for op, calls in found.unsupported[""].items():
                _LOG.warning("%s has no rule in fvcore: %d calls are uncounted", op, calls)
        modules = dict(self._places.walked)
        idle = sorted(
            name for name in found.uncalled if type(modules[name]).forward not in _NO_FORWARD
        )
        if self._warns_of_modules and idle:
            _LOG.warning(
                "no op ran in %s: each is unused, or used in another way than by a call",
                ", ".join(idle),
            )


def flop_count(
    model: nn.Module, inputs: tuple[object, ...], supported_ops: dict[str, Handle] | None = None
) -> tuple[defaultdict[str, float], Counter[str]]:
    """Each operator's figure in units of 10^9, and the number of calls of each unsupported op.

    ``supported_ops`` are more handles. Raises the errors of ``FlopCountAnalysis`` and of
    ``set_op_handle``.
    """
    flops = FlopCountAnalysis(model, inputs).set_op_handle(**(supported_ops or {}))
    giga = defaultdict(float, {name: count / 1e9 for name, count in flops.by_operator().items()})
    return giga, flops.unsupported_ops()


def _checked_op(name: object) -> str:
    return checked_name(f"set_op_handle({name!r})", name)


def _checked_handle(name: str, handle: object) -> Handle:
    if not callable(handle):
        fix = "give handle(inputs, outputs), or None to ignore the op"
        raise refused(f"set_op_handle({name!r})", f"{handle!r} is no function", fix)
    return handle

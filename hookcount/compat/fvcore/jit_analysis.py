"""``JitModelAnalysis``: a statistic of each op that a model runs, by module and by operator."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Mapping
from inspect import getattr_static
from typing import TypeVar, get_args

from torch import nn

from ...core.errors import InputError, UnknownModuleError
from ...core.trace import Trace
from ...observe.model import checked
from ..initialised import initialised
from ..jit.names import op_name
from ..jit.run import observe
from ..shared import one_of, refused
from .ignored import IGNORED
from .jit_handles import Handle
from .scopes import Ancestors, Scopes, Statistics, statistics

T = TypeVar("T", bound="JitModelAnalysis")

_LOG = logging.getLogger(__name__)
_TRACER_WARNINGS = ("all", "no_tracer_warning", "none")
_NEVER_CALLED = (nn.Module, nn.ModuleList, nn.ModuleDict, nn.Identity)
"""Classes without a forward, or with one that does nothing."""
_NO_FORWARD = {cls.forward for cls in _NEVER_CALLED}

_IGNORED_OPS: set[str] = set(IGNORED)
"""The ops without a figure, under the name that this set has in fvcore."""


class UnknownNameError(UnknownModuleError, KeyError):
    """No module has the given name. It is a ``KeyError`` too, as in fvcore."""

    __str__ = Exception.__str__


class PairsError(InputError, TypeError):
    """A name was given without a handle. It is a ``TypeError`` too, as in fvcore."""


class JitModelAnalysis:
    """A statistic of the ops of ``model(*inputs)``, by module and by operator.

    It has no handles, so that every op is unsupported until ``set_op_handle``.
    ``FlopCountAnalysis`` and ``ActivationCountAnalysis`` have those of fvcore.

    ``inputs`` is a tuple of arguments, or one argument. The model runs once, for real, when a
    figure is first needed. It runs in the current train or eval modes. Afterwards it is bit for bit
    as before. New handles price the same run again.

    The names of modules are those of ``named_modules``, also in a wrapper such as ``DataParallel``.
    A module with several names has its figures under the first one. Every method takes any of its
    names.

    Raises ``ModelError`` for a value that is no model. The first figure raises the errors of
    ``hookcount.count``.
    """

    def __init__(self, model: nn.Module, inputs: object) -> None:
        self._inputs = inputs
        self._args = inputs if isinstance(inputs, tuple) else (inputs,)
        self._model = initialised(model, self._args, {})
        self._tree = checked(self._model)
        self._scopes = Scopes(self._model)
        self._op_handles: dict[str, Handle] = {}
        self._ignored_ops: set[str] = set(_IGNORED_OPS)
        self._ancestor_mode: Ancestors = "owner"
        self._warn_trace = "no_tracer_warning"
        self._enable_warn_unsupported_ops = self._enable_warn_uncalled_mods = True
        self._trace: Trace | None = None
        self._stats: Statistics | None = None

    @property
    def model(self) -> nn.Module:
        """The model that is counted, as it was given. Of a lazy one it is a copy with shapes."""
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

        An op is uncounted if it has no handle and is not ignored. The key is its full name
        (``aten::gelu``).
        """
        name = self.canonical_module_name(module_name)
        return self._analyze().unsupported_ops[name].copy()

    def uncalled_modules(self) -> set[str]:
        """The modules in which no op ran, nor in their submodules. They may have been called."""
        return set(self._analyze().uncalled_mods)

    # -- settings ----------------------------------------------------------------------------------

    def set_op_handle(self: T, *args: str | Handle | None, **kwargs: Handle | None) -> T:
        """Set handles, as ``name, handle, name, handle, ...`` or as ``**{name: handle}``.

        A handle is called as ``handle(inputs, outputs)``, once per call of the op. It returns a
        number, or a Counter of names and numbers. None ignores the op. As in fvcore, an op that has
        a handle already keeps it; to count nothing, give ``lambda inputs, outputs: 0``.

        The items of ``inputs`` and ``outputs`` have these methods of the values of a jit graph:
        ``isCompleteTensor()``, ``type().sizes()``, ``.dim()``, ``.dtype()``, ``.kind()``,
        ``toIValue()``, and ``node().inputs()`` of a list.

        A name is that of an op as Python calls it: ``aten::linear``, ``aten::softmax``,
        ``aten::scaled_dot_product_attention``. Every convolution is ``aten::_convolution``, and a
        recurrent cell is the ops that it runs. So a handle of ``aten::conv2d`` is never asked.
        ``prim::PythonOp.Name`` is ``apply`` of the ``autograd.Function`` with that name. Its inputs
        are the tensors among the arguments, and their ``debugName()`` is the variable.

        Raises ``InputError`` for a name without a handle, for a handle that is no function, and for
        a name without a namespace.
        """
        if len(args) % 2:
            where = "set_op_handle()"
            fix = "give pairs: name, handle, name, handle"
            raise PairsError(str(refused(where, f"{args[-1]!r} has no handle", fix)))
        given = [*kwargs.items(), *zip(args[::2], args[1::2], strict=True)]
        checked = [(_checked_op(name), _checked_handle(name, handle)) for name, handle in given]
        self._op_handles.update({name: each for name, each in checked if each is not None})
        self._ignored_ops.update(name for name, each in checked if each is None)
        self._stats = None
        return self

    def clear_op_handles(self: T) -> T:
        """Take all handles away, fvcore's own too. Only fvcore's ignored ops stay ignored."""
        self._op_handles, self._ignored_ops = {}, set(_IGNORED_OPS)
        self._stats = None
        return self

    def canonical_module_name(self, name: str) -> str:
        """The first name of a module, under which its figures are.

        Raises ``InputError``, which is also a ``KeyError``, for a name that no module has.
        """
        if name not in self._scopes.aliases:
            fix = "use a name in dict(model.named_modules(remove_duplicate=False))"
            what = "this names no module of the model"
            raise UnknownNameError(str(refused(repr(name), what, fix)))
        return self._scopes.aliases[name]

    def copy(self: T, new_model: nn.Module | None = None, new_inputs: object = None) -> T:
        """An analysis with the same settings. Without a new model or new inputs, it has these."""
        made = type(self).__new__(type(self))
        JitModelAnalysis.__init__(
            made,
            self._model if new_model is None else new_model,
            self._inputs if new_inputs is None else new_inputs,
        )
        made._op_handles, made._ignored_ops = dict(self._op_handles), set(self._ignored_ops)
        made._ancestor_mode, made._warn_trace = self._ancestor_mode, self._warn_trace
        made._enable_warn_unsupported_ops = self._enable_warn_unsupported_ops
        made._enable_warn_uncalled_mods = self._enable_warn_uncalled_mods
        return made

    def tracer_warnings(self: T, mode: str) -> T:
        """Whether warnings are shown while the model runs.

        ``"none"`` silences them. ``"all"`` and ``"no_tracer_warning"`` show them; there is no
        tracer here that could warn. Raises ``InputError`` for any other mode.
        """
        self._warn_trace = one_of(f"tracer_warnings({mode!r})", mode, _TRACER_WARNINGS)
        return self

    def ancestor_mode(self: T, mode: str) -> T:
        """Which modules an op counts for.

        ``"owner"``: the module that runs it, and the modules above that one in the tree.
        ``"caller"``: all modules whose forward is running.

        Raises ``InputError`` for any other mode.
        """
        modes = get_args(Ancestors)
        self._ancestor_mode = modes[modes.index(one_of(f"ancestor_mode({mode!r})", mode, modes))]
        self._stats = None
        return self

    def unsupported_ops_warnings(self: T, enabled: bool) -> T:
        """Whether unsupported ops are logged with the count. By default they are."""
        self._enable_warn_unsupported_ops = enabled
        return self

    def uncalled_modules_warnings(self: T, enabled: bool) -> T:
        """Whether uncalled modules are logged with the count. By default they are."""
        self._enable_warn_uncalled_mods = enabled
        return self

    # -- the count ---------------------------------------------------------------------------------

    def _analyze(self) -> Statistics:
        if self._stats is None:
            if self._trace is None:
                self._trace = self._observe()
            self._stats = statistics(
                self._trace, self._scopes, self._op_handles, self._ignored_ops, self._ancestor_mode
            )
            self._warn(self._stats)
        return self._stats

    def _observe(self) -> Trace:
        with warnings.catch_warnings():
            if self._warn_trace == "none":
                warnings.simplefilter("ignore")
            return observe(self._tree, self._args)

    def _warn(self, found: Statistics) -> None:
        if self._enable_warn_unsupported_ops:
            for op, calls in found.unsupported_ops[""].items():
                _LOG.warning("Unsupported operator %s encountered %d time(s)", op, calls)
        idle = sorted(
            name
            for name in found.uncalled_mods
            if getattr_static(type(self._scopes.modules[name]), "forward") not in _NO_FORWARD
        )
        if self._enable_warn_uncalled_mods and idle:
            _LOG.warning(
                "never called, or called without running an op: %s. Each is unused, or used in "
                "another way than by a call",
                ", ".join(idle),
            )


def giga_and_unsupported(
    analysis: JitModelAnalysis, supported_ops: Mapping[str, Handle | None] | None, unit: float
) -> tuple[dict[str, float], Counter[str]]:
    """Each operator's figure in a unit, with more handles, and the calls of unsupported ops."""
    analysis.set_op_handle(**(supported_ops or {}))
    figures = {name: count / unit for name, count in analysis.by_operator().items()}
    return figures, analysis.unsupported_ops()


def _checked_op(name: object) -> str:
    return op_name(f"set_op_handle({name!r})", name)


def _checked_handle(name: object, handle: object) -> Handle | None:
    if handle is None or callable(handle):
        return handle
    fix = "give handle(inputs, outputs), or None to ignore the op"
    raise refused(f"set_op_handle({name!r})", f"{handle!r} is no function", fix)

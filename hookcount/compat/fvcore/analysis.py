"""``FlopCountAnalysis``: a model's counts as fvcore has them, by module and by operator."""

from __future__ import annotations

import logging
import warnings
from collections import Counter, defaultdict
from typing import Any, get_args

from torch import nn

from ...core.errors import InputError
from ...core.trace import Trace
from ...observe.model import checked
from ...pricing.price import Prices
from ..jit.run import observe
from .handles import Handle, checked_name
from .scopes import Ancestors, Handles, Statistics, statistics

_LOG = logging.getLogger(__name__)
_TRACER_WARNINGS = ("all", "no_tracer_warning", "none")
_NEVER_CALLED = (nn.Module, nn.ModuleList, nn.ModuleDict, nn.Identity)
"""Whose forward is none, or does nothing."""


class FlopCountAnalysis:
    """fvcore's counts of ``model(*inputs)``, by module and by operator. ``inputs`` is a tuple of arguments, or one argument.

    The model runs once, for real, when a figure is first asked for, in the modes that it is in; it is bit for bit as before
    afterwards. New handles price the same run again. A module is named as by ``named_modules``; of one with several names each is
    understood, and figures stand under the first.

    Where it differs from fvcore 0.1.5:

    - An ``autograd.Function`` and a scripted function are counted by the ops that they run.
    - Arithmetic on sizes (``x.shape[1] * 2``) runs no op, so ``unsupported_ops`` does not name it, and a module that does
      nothing else is uncalled.
    - An op whose result is not used counts; a jit trace drops it.
    - An einsum counts exactly, not to four digits. Of an op of ids or masks, contractions alone are counted.
    - ``set_op_handle(op, None)`` makes every op ignored, as fvcore documents it; there it leaves those that it has a rule for.
    - What fvcore cannot trace (a dict of outputs) or asserts against (a product with a vector) is counted.
    - Names in a model that is wrapped in ``DataParallel`` and the like are those of the model inside.
    - ``unsupported_ops`` counts if that was not done yet, and ``copy`` keeps every setting.

    Raises ``ModelError`` for what is no model, and from the first figure on what ``hookcount.count`` raises.
    """

    def __init__(self, model: nn.Module, inputs: Any) -> None:
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

    # -- figures ---------------------------------------------------------------------------------------------------

    def total(self, module_name: str = "") -> Any:
        """The sum over all operators of a module with what is beneath it. An int, unless a handle gave something else."""
        return sum(self.by_operator(module_name).values())

    def by_operator(self, module_name: str = "") -> Counter[str]:
        """The figure of each operator in a module and beneath it."""
        name = self.canonical_module_name(module_name)
        return self._analyze().counts[name].copy()

    def by_module(self) -> Counter[str]:
        """The total of each module."""
        return Counter(
            {name: sum(figures.values()) for name, figures in self._analyze().counts.items()}
        )

    def by_module_and_operator(self) -> dict[str, Counter[str]]:
        """The figure of each operator, for each module."""
        return {name: figures.copy() for name, figures in self._analyze().counts.items()}

    def unsupported_ops(self, module_name: str = "") -> Counter[str]:
        """How often each op ran in a module that has neither a rule nor is passed over, by its name (``aten::gelu``)."""
        name = self.canonical_module_name(module_name)
        return self._analyze().unsupported[name].copy()

    def uncalled_modules(self) -> set[str]:
        """The modules in which no op ran, called or not, and none beneath them."""
        return set(self._analyze().uncalled)

    # -- settings --------------------------------------------------------------------------------------------------

    def set_op_handle(self, *args: Any, **kwargs: Handle | None) -> FlopCountAnalysis:
        """Set handles, as ``name, handle, name, handle, ...`` or ``**{name: handle}``; None ignores the op.

        A handle is called as ``handle(inputs, outputs)`` once for each distinct call of the op, and gives a number, or a
        Counter of names and numbers. Its lists answer as the values of a jit graph do, as far as one op goes:
        ``isCompleteTensor()``, ``type().sizes()``, ``.dim()``, ``.dtype()``, ``.kind()``, ``toIValue()``, and
        ``node().inputs()`` of a list; so ``fvcore.nn.jit_handles.get_shape`` takes them. A name is that of an op as Python
        calls it: ``aten::linear``, ``aten::softmax``, ``aten::scaled_dot_product_attention``; any convolution is
        ``aten::_convolution``.

        Raises ``InputError`` for a name without its handle, a handle that is no function, and a name that no op here has.
        """
        if len(args) % 2:
            raise InputError(
                f"set_op_handle(): {args[-1]!r} has no handle. To fix it: give pairs, name, handle, name, handle."
            )
        given = {
            **kwargs,
            **{
                checked_name(name): handle
                for name, handle in zip(args[::2], args[1::2], strict=True)
            },
        }
        mine, ignored = dict(self._handles.mine), set(self._handles.ignored)
        for name, handle in given.items():
            if handle is not None and not callable(handle):
                what = f"set_op_handle({name!r}): {handle!r} is no function"
                raise InputError(
                    f"{what}. To fix it: give handle(inputs, outputs), or None to ignore the op."
                )
            mine.pop(checked_name(name), None)
            ignored.discard(name)
            if handle is None:
                ignored.add(name)
            else:
                mine[name] = handle
        self._handles = Handles(mine, frozenset(ignored), self._handles.cleared)
        self._statistics = None
        return self

    def clear_op_handles(self) -> FlopCountAnalysis:
        """Take all handles away, fvcore's own too, and ignore no op more than it does."""
        self._handles = Handles({}, cleared=True)
        self._statistics = None
        return self

    def canonical_module_name(self, name: str) -> str:
        """The name under which a module's figures stand: its first. Raises ``InputError`` for a name that is no module's."""
        if name not in self._aliases:
            fix = "use one of dict(model.named_modules(remove_duplicate=False))"
            raise InputError(f"{name!r} names no module of the model. To fix it: {fix}.")
        return self._aliases[name]

    def copy(self, new_model: nn.Module | None = None, new_inputs: Any = None) -> FlopCountAnalysis:
        """The same settings for another model or other inputs; those that are not given stay."""
        made = type(self)(
            self._model if new_model is None else new_model,
            self._inputs if new_inputs is None else new_inputs,
        )
        made._handles, made._ancestors, made._tracer_warnings = (
            self._handles,
            self._ancestors,
            self._tracer_warnings,
        )
        made._warns_of_ops, made._warns_of_modules = self._warns_of_ops, self._warns_of_modules
        return made

    def tracer_warnings(self, mode: str) -> FlopCountAnalysis:
        """``"none"`` silences warnings while the model runs; ``"all"`` and ``"no_tracer_warning"`` do not: no tracer is used."""
        self._tracer_warnings = _one_of(mode, _TRACER_WARNINGS, "tracer_warnings")
        return self

    def ancestor_mode(self, mode: str) -> FlopCountAnalysis:
        """``"owner"``: an op counts for the module that runs it and those that own this one, by name. ``"caller"``: for all whose
        forward was under way.
        """
        known = get_args(Ancestors)
        self._ancestors = known[known.index(_one_of(mode, known, "ancestor_mode"))]
        self._statistics = None
        return self

    def unsupported_ops_warnings(self, enabled: bool) -> FlopCountAnalysis:
        """Whether unsupported ops are logged when the count is made; by default they are."""
        self._warns_of_ops = enabled
        return self

    def uncalled_modules_warnings(self, enabled: bool) -> FlopCountAnalysis:
        """Whether uncalled modules are logged when the count is made; by default they are."""
        self._warns_of_modules = enabled
        return self

    # -- the count -------------------------------------------------------------------------------------------------

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
                _LOG.warning("%s has no rule in fvcore: %d calls are not counted", op, calls)
        modules = dict(self._places.walked)
        idle = sorted(
            name for name in found.uncalled if type(modules[name]).forward not in _NO_FORWARD
        )
        if self._warns_of_modules and idle:
            _LOG.warning(
                "no op ran in %s: unused, or used otherwise than by a call", ", ".join(idle)
            )


_NO_FORWARD = {cls.forward for cls in _NEVER_CALLED}


def flop_count(
    model: nn.Module, inputs: tuple[Any, ...], supported_ops: dict[str, Handle] | None = None
) -> tuple[defaultdict[str, float], Counter[str]]:
    """Each operator's count in units of 10^9, and how often each unsupported op ran. ``supported_ops``: more handles."""
    flops = FlopCountAnalysis(model, inputs).set_op_handle(**(supported_ops or {}))
    giga = defaultdict(float, {name: count / 1e9 for name, count in flops.by_operator().items()})
    return giga, flops.unsupported_ops()


def _one_of(mode: str, known: tuple[str, ...], method: str) -> str:
    if mode not in known:
        raise InputError(
            f"{method}({mode!r}): no such mode. To fix it: use one of {', '.join(map(repr, known))}."
        )
    return mode

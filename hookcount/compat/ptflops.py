"""``from hookcount.compat.ptflops import get_model_complexity_info`` in place of ``from ptflops import ...``, no longer needed.

>>> from torch import nn
>>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
>>> options = {"print_per_layer_stat": False, "backend": "aten"}
>>> get_model_complexity_info(model, (3, 8, 8), as_strings=False, **options)    # 4 * 36 * (3 * 9 + 1); 4 * 3 * 9 + 4
(4032, 112)
>>> get_model_complexity_info(model, (3, 8, 8), **options)
('4.03 KMac', '112')
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from enum import Enum
from typing import Any, TextIO

import torch
from torch import nn

from ..conventions import Convention, named
from ..core.errors import InputError
from ..core.trace import Call
from ..observe.model import checked
from ..observe.opfacts import op_facts
from ..observe.places import unwrap
from ..rules.registry import FREE, Registry, target_name
from .shared import (
    Handled,
    Handler,
    asked_by_hook,
    hooks,
    in_eval_mode,
    observed,
    on_meta,
    register_ops,
    with_layer,
)
from .unfused import unfused

_MACS = ((10**9, "GMac"), (10**6, "MMac"), (10**3, "KMac"))
_PARAMS = ((10**6, "M"), (10**3, "k"))
_UNITS_OF_PARAMS = ((10**9, "B"), (10**6, "M"), (10**3, "K"))

_STDOUT_OF_IMPORT = sys.stdout

_ask_hook = asked_by_hook("__flops__", int)


class FLOPS_BACKEND(Enum):
    """The names of ptflops' two ways to count."""

    PYTORCH = "pytorch"
    ATEN = "aten"


def get_model_complexity_info(
    model: nn.Module,
    input_res: tuple[int, ...],
    print_per_layer_stat: bool = True,
    as_strings: bool = True,
    input_constructor: Callable[[Any], Any] | None = None,
    ost: TextIO = _STDOUT_OF_IMPORT,
    verbose: bool = False,
    ignore_modules: Iterable[Any] = [],
    custom_modules_hooks: Mapping[Any, Handler] = {},
    backend: str | FLOPS_BACKEND = FLOPS_BACKEND.PYTORCH,
    flops_units: str | None = None,
    param_units: str | None = None,
    output_precision: int = 2,
    backend_specific_config: Mapping[str, Any] = {},
) -> tuple[Any, Any]:
    """``(macs, params)`` of one forward in eval mode, as ptflops 0.7.5 gives them: two texts, or two ints. ``params`` are those
    that need gradients. The model is run for real, once, in the grad mode that is found; what is on meta, by its shapes.

    ``backend``: the figures are those of ``"aten"``: matrix products and convolutions with their biases, wherever they are
    called. ``"pytorch"`` patches Python functions, counts some of them twice and most not at all; asked for by that word it
    raises. It is the default too, and since a call that leaves ``backend`` out has to work, that gives aten's figures, with a
    warning.

    ``input_res``: the input's shape without the batch of 1, which gets the dtype and device of the first parameter.
    ``input_constructor`` is called with it and gives a dict of keyword arguments, or the one argument of ``forward``.

    ``custom_modules_hooks``: by the very module class, ``hook(module, inputs, out)``, which adds to ``module.__flops__`` and pays
    for all beneath the module, undivided by the batch; by op (``torch.ops.aten.bmm``), ``function(args, outputs)``, which gives
    the count. They are asked after the run, with tensors without values; a call's count is whole, or it raises.
    ``ignore_modules``: ops, and module classes whose own ops then cost nothing; the modules that these call still count.

    ``print_per_layer_stat`` writes hookcount's tree to ``ost``; ``verbose`` how the figure differs from hookcount's own.

    Raises ``InputError`` for an option that has no such value and for any ``backend_specific_config``, ``FormulaError`` for a
    hook that fails, and what ``hookcount.count`` raises: never ``(None, None)``.
    """
    _check(backend, input_res, backend_specific_config)
    convention = _convention(ignore_modules, custom_modules_hooks)
    args, kwargs = _inputs(model, input_res, input_constructor)
    # ptflops hooks the model and its children
    with in_eval_mode(model), unfused((unwrap(model), *unwrap(model).children())):
        report = observed(model, args, kwargs, convention, run="real")
    if ost is _STDOUT_OF_IMPORT:  # which may be replaced, or closed, by now
        ost = sys.stdout
    if print_per_layer_stat:
        print(report, file=ost)
    if verbose:
        print(report.under("default").reconcile(convention), file=ost)
    macs, params = report.headline, report.tree.trainable_params
    if not as_strings:
        return macs, params
    return flops_to_string(macs, flops_units, output_precision), params_to_string(
        params, param_units, output_precision
    )


def flops_to_string(flops: int, units: str | None = None, precision: int = 2) -> str:
    """MACs in GMac, MMac or KMac; without ``units`` in the largest that they reach.

    >>> flops_to_string(4101800000), flops_to_string(4101800000, "MMac", 1), flops_to_string(999)
    ('4.1 GMac', '4101.8 MMac', '999 Mac')
    """
    return _in_units(flops, _MACS, _MACS, units, precision) or f"{flops} Mac"


def params_to_string(params_num: int, units: str | None = None, precision: int = 2) -> str:
    """Parameters in B, M or K; without ``units`` in M or k, the larger that they reach.

    >>> params_to_string(25557032), params_to_string(25557032, "K", 1), params_to_string(999)
    ('25.56 M', '25557.0 K', '999')
    """
    return _in_units(params_num, _PARAMS, _UNITS_OF_PARAMS, units, precision) or str(params_num)


def _in_units(
    count: int,
    reached: Iterable[tuple[int, str]],
    known: Iterable[tuple[int, str]],
    units: str | None,
    precision: int,
) -> str | None:
    """None for units that are not known and for what is below all."""
    for step, name in reached if units is None else known:
        if name == units or (units is None and count >= step):
            return f"{round(count / float(step), precision)} {name}"
    return None


def _check(backend: str | FLOPS_BACKEND, input_res: object, config: Mapping[str, Any]) -> None:
    """Raises ``InputError``, or warns of the default backend."""
    where = "get_model_complexity_info"
    asked = backend.value if isinstance(backend, Enum) else backend
    left_out = isinstance(backend, Enum) and asked == "pytorch"
    if asked != "aten" and not left_out:
        known = "only 'aten' is mirrored here" if asked == "pytorch" else "there is no such backend"
        raise InputError(f"{where}(backend={backend!r}): {known}. To fix it: give backend='aten'.")
    if not isinstance(input_res, tuple) or not input_res:
        raise InputError(
            f"{where}(input_res={input_res!r}): no shape. To fix it: give a tuple, such as (3, 224, 224)."
        )
    if config:
        names = ", ".join(map(repr, config))
        raise InputError(
            f"{where}(backend_specific_config=...): {names} has no meaning here. To fix it: leave it out."
        )
    if left_out:
        warnings.warn(
            f"{where}: the default backend, 'pytorch', is not mirrored; these are the figures of 'aten'. "
            "To be rid of this warning: give backend='aten'.",
            stacklevel=3,
        )


def _convention(ignored: Iterable[Any], handlers: Mapping[Any, Handler]) -> Convention:
    """ptflops' own, with what a call asks for before it."""
    known, layer = named("ptflops"), Registry(name="the hooks of get_model_complexity_info")
    modules: dict[Any, Handler] = {}
    ops: dict[Any, Any] = {}
    for target in ignored:
        if isinstance(target, type):
            layer.register(target, FREE)
        else:
            ops[target] = FREE
    for target, handler in handlers.items():
        if isinstance(target, type):
            modules[target] = handler
        elif target not in ops:
            ops[target] = Handled(handler, _ask_op)
    for target, handler in hooks(
        modules, "get_model_complexity_info(custom_modules_hooks=...)"
    ).items():
        if target not in layer:
            layer.register(target, Handled(handler, _ask_hook), covers="subtree")
    for op in filter(_runs_as_others, ops):
        fix = "name the ops that it runs as, see report.by_op() of hookcount.count"
        raise InputError(
            f"get_model_complexity_info: {target_name(op)} runs as other ops and is never seen. To fix it: {fix}."
        )
    register_ops(layer, ops, known)
    return replace(with_layer(known, layer), matches="type")


def _runs_as_others(op: Any) -> bool:
    """Whether an op of ATen is made of others in each overload, but for those that write to an ``out``."""
    packet: Any = op
    overloads = (
        [getattr(op, name) for name in packet.overloads()]
        if isinstance(op, torch._ops.OpOverloadPacket)
        else [op]
    )
    facts = [op_facts(each) for each in overloads if isinstance(each, torch._ops.OpOverload)]
    return bool(facts) and all(
        each.torchs_own and (each.composite or each.out_names) for each in facts
    )


def _ask_op(handler: Handler, path: str, call: Call) -> Any:
    """``handler(args, outputs)``: the op's positional arguments, and a tuple of what it gave."""
    args = [list(each) if type(each) is tuple else each for each in on_meta(call.args)]
    out = on_meta(call.out)
    return handler(tuple(args), out if isinstance(out, tuple) else (out,))


def _inputs(
    model: nn.Module, input_res: tuple[int, ...], constructor: Callable[[Any], Any] | None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What ``forward`` takes."""
    checked(model)
    if constructor is not None:
        made = constructor(input_res)
        return ((), made) if isinstance(made, dict) else ((made,), {})
    like = next(model.parameters(), torch.zeros(()))
    return (torch.zeros((1, *input_res), dtype=like.dtype, device=like.device),), {}

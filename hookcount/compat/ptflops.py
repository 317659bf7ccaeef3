"""``from hookcount.compat.ptflops import get_model_complexity_info`` replaces that of ``ptflops``.

ptflops itself is not needed.

>>> from torch import nn
>>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
>>> options = {"print_per_layer_stat": False, "backend": "aten"}
>>> get_model_complexity_info(model, (3, 8, 8), as_strings=False, **options)
(4032, 112)
>>> get_model_complexity_info(model, (3, 8, 8), **options)
('4.03 KMac', '112')

The MACs are 4 * 36 outputs times 3 * 9 + 1. The parameters are 4 * 3 * 9 + 4.
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
from ..core.trace import Call
from ..observe.model import checked
from ..observe.module_tree import unwrap
from ..observe.opfacts import op_facts
from ..rules.registry import FREE, Registry, Target, target_name
from .counting import Price, in_eval_mode, observed, register_ops, with_layer
from .shared import Handled, Handler, checked_hooks, invoked_as_hook, on_meta, refused
from .unfused import unfused

_WHERE = "get_model_complexity_info"
_MACS = ((10**9, "GMac"), (10**6, "MMac"), (10**3, "KMac"))
_PARAMS = ((10**6, "M"), (10**3, "k"))
_UNITS_OF_PARAMS = ((10**9, "B"), (10**6, "M"), (10**3, "K"))

_STDOUT_OF_IMPORT = sys.stdout
"""The default of ``ost``, as in ptflops. It means ``sys.stdout`` at the time of a call."""

_invoke_hook = invoked_as_hook("__flops__", int)


class FLOPS_BACKEND(Enum):
    """The two backends of ptflops."""

    PYTORCH = "pytorch"
    ATEN = "aten"


def get_model_complexity_info(
    model: nn.Module,
    input_res: tuple[int, ...],
    print_per_layer_stat: bool = True,
    as_strings: bool = True,
    input_constructor: Callable[[tuple[int, ...]], object] | None = None,
    ost: TextIO = _STDOUT_OF_IMPORT,
    verbose: bool = False,
    ignore_modules: Iterable[Target] = [],
    custom_modules_hooks: Mapping[Any, Handler] = {},
    backend: str | FLOPS_BACKEND = FLOPS_BACKEND.PYTORCH,
    flops_units: str | None = None,
    param_units: str | None = None,
    output_precision: int = 2,
    backend_specific_config: Mapping[str, object] = {},
) -> tuple[Any, Any]:
    """``(macs, params)`` of one forward in eval mode, as in ptflops 0.7.5.

    Both are texts, or ints with ``as_strings=False``. ``params`` counts the parameters that need
    gradients. The model runs once, for real, in the current grad mode. A model or an input on the
    meta device runs on shapes only.

    ``backend``: the figures are always those of ``"aten"``. It counts matrix products and
    convolutions with their biases, wherever the code calls them. The backend ``"pytorch"`` of
    ptflops patches Python functions. It counts some of them twice and most of them not at all.
    ``backend="pytorch"`` raises here. ``FLOPS_BACKEND.PYTORCH`` is the default, so that a call
    without ``backend`` works: it gives the figures of ``"aten"``, with a warning.

    ``input_res``: the shape of the input without the batch. The batch is 1. The input gets the
    dtype and the device of the first parameter. ``input_constructor``, if given, is called with
    ``input_res``. It returns a dict of keyword arguments, or the only argument of ``forward``.

    ``custom_modules_hooks`` maps module classes and ops to functions. They are called after the
    run, with tensors without values. The count of a call must be a whole number.

    - For a module class, not its subclasses: ``hook(module, inputs, out)``. It adds its count to
      ``module.__flops__``. It pays for all submodules too. The batch does not divide its count.
    - For an op such as ``torch.ops.aten.bmm``: ``function(args, outputs)``. It returns its count.

    ``ignore_modules`` lists ops, and module classes. The ops that such a module itself runs cost
    nothing. The modules that it calls still count.

    ``print_per_layer_stat`` writes hookcount's tree to ``ost``. ``verbose`` writes how the figure
    differs from hookcount's own.

    Raises ``InputError`` for an option without such a value, and for any
    ``backend_specific_config``. Raises ``FormulaError`` for a hook that fails, and the errors of
    ``hookcount.count``. It never returns ``(None, None)``.
    """
    _check(backend, input_res, backend_specific_config)
    convention = _convention(ignore_modules, custom_modules_hooks)
    args, kwargs = _inputs(model, input_res, input_constructor)
    # ptflops puts hooks on the model and its children
    with in_eval_mode(model), unfused((unwrap(model), *unwrap(model).children())):
        report = observed(model, args, kwargs, convention, run="real")
    if ost is _STDOUT_OF_IMPORT:  # sys.stdout may be another file by now
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
    """MACs as a text in GMac, MMac or KMac. Without ``units``, in the largest unit that fits.

    >>> flops_to_string(4101800000), flops_to_string(4101800000, "MMac", 1), flops_to_string(999)
    ('4.1 GMac', '4101.8 MMac', '999 Mac')
    """
    return _in_units(flops, _MACS, _MACS, units, precision) or f"{flops} Mac"


def params_to_string(params_num: int, units: str | None = None, precision: int = 2) -> str:
    """Parameters as a text in B, M or K. Without ``units``, in M or k, the larger that fits.

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
    """A count in ``units``, or in the first unit of ``reached`` that is not larger than the count.

    None for units that are not in ``known``, and for a count below every unit.
    """
    for step, name in reached if units is None else known:
        if name == units or (units is None and count >= step):
            return f"{round(count / float(step), precision)} {name}"
    return None


def _check(backend: str | FLOPS_BACKEND, input_res: object, config: Mapping[str, object]) -> None:
    """Raises ``InputError`` for an option without such a value. Warns of the default backend."""
    name = backend.value if isinstance(backend, Enum) else backend
    is_default = isinstance(backend, Enum) and name == "pytorch"
    if name != "aten" and not is_default:
        pytorch = name == "pytorch"
        what = "only 'aten' is mirrored here" if pytorch else "there is no such backend"
        raise refused(f"{_WHERE}(backend={backend!r})", what, "give backend='aten'")
    if not isinstance(input_res, tuple) or not input_res:
        where = f"{_WHERE}(input_res={input_res!r})"
        raise refused(where, "this is no shape", "give a tuple, such as (3, 224, 224)")
    if config:
        names = ", ".join(map(repr, config))
        where = f"{_WHERE}(backend_specific_config=...)"
        raise refused(where, f"{names} has no meaning here", "leave it out")
    if is_default:
        warnings.warn(
            f"{_WHERE}: the default backend, 'pytorch', is not mirrored; these are the figures of "
            "'aten'. To silence this warning: give backend='aten'.",
            stacklevel=3,
        )


def _convention(ignored: Iterable[Target], handlers: Mapping[Any, Handler]) -> Convention:
    """The convention of ptflops, with the ignored targets and the handlers of a call on top."""
    ptflops, layer = named("ptflops"), Registry(name="the hooks of get_model_complexity_info")
    modules: dict[type[nn.Module], Handler] = {}
    ops: dict[Target, Price] = {}
    for target in ignored:
        if isinstance(target, type):
            layer.register(target, FREE)
        else:
            ops[target] = FREE
    for target, handler in handlers.items():
        if isinstance(target, type):
            modules[target] = handler
        elif target not in ops:
            ops[target] = Handled(handler, _invoke_op)
    for cls, hook in checked_hooks(modules, f"{_WHERE}(custom_modules_hooks=...)").items():
        if cls not in layer:
            layer.register(cls, Handled(hook, _invoke_hook), covers="subtree")
    for op in filter(_runs_as_others, ops):
        what = f"{target_name(op)} runs as other ops and never appears"
        fix = "name the ops that it runs as; report.by_op() of hookcount.count shows them"
        raise refused(_WHERE, what, fix)
    register_ops(layer, ops, ptflops)
    return replace(with_layer(ptflops, layer), matches="type")


def _runs_as_others(op: Target) -> bool:
    """Whether each overload of an ATen op is composite, except those that write to ``out``."""
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


def _invoke_op(handler: Handler, path: str, call: Call) -> object:
    """``handler(args, outputs)``: the op's positional arguments, and its outputs as a tuple."""
    args = [list(each) if type(each) is tuple else each for each in on_meta(call.args)]
    out = on_meta(call.out)
    return handler(tuple(args), out if isinstance(out, tuple) else (out,))


def _inputs(
    model: nn.Module,
    input_res: tuple[int, ...],
    constructor: Callable[[tuple[int, ...]], object] | None,
) -> tuple[tuple[object, ...], dict[str, object]]:
    """The positional and keyword arguments of ``forward``."""
    checked(model)
    if constructor is not None:
        made = constructor(input_res)
        return ((), made) if isinstance(made, dict) else ((made,), {})
    like = next(model.parameters(), torch.zeros(()))
    return (torch.zeros((1, *input_res), dtype=like.dtype, device=like.device),), {}

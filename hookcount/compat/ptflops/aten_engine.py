"""``hookcount.compat.ptflops.aten_engine``: the figures of ptflops' backend "aten"."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TextIO

import torch
from torch import nn

from ...conventions import Convention, named
from ...core.trace import Call
from ...observe.module_tree import unwrap
from ...observe.opfacts import op_facts
from ...rules.registry import FREE, Registry, Target, target_name
from ..counting import Price, in_eval_mode, observed, register_ops, with_layer
from ..shared import Handled, Handler, checked_hooks, on_meta
from ..unfused import unfused
from .aten_text import text
from .inputs import STDOUT_OF_IMPORT, WHERE, Constructor, inputs, invoke_hook, stream


def get_flops_aten(
    model: nn.Module,
    input_res: tuple[int, ...],
    print_per_layer_stat: bool = True,
    input_constructor: Constructor | None = None,
    ost: TextIO = STDOUT_OF_IMPORT,
    verbose: bool = False,
    ignore_modules: Iterable[Target] = [],
    custom_modules_hooks: Mapping[Any, Handler] = {},
    output_precision: int = 2,
    flops_units: str | None = "GMac",
    param_units: str | None = "M",
    extra_config: Mapping[str, object] = {},
) -> tuple[int, int]:
    """``(macs, params)`` of one forward: see ``get_model_complexity_info``."""
    convention = _convention(ignore_modules, custom_modules_hooks)
    model, args, kwargs = inputs(model, input_res, input_constructor)
    # ptflops puts hooks on the model and its children
    with in_eval_mode(model), unfused((unwrap(model), *unwrap(model).children())):
        report = observed(model, args, kwargs, convention, run="real")
    if print_per_layer_stat:
        print(text(report, flops_units, output_precision), file=stream(ost))
    if verbose:
        print(report.under("default").reconcile(convention), file=stream(ost))
    return report.headline, report.tree.trainable_params


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
    for cls, hook in checked_hooks(modules, f"{WHERE}(custom_modules_hooks=...)").items():
        if cls not in layer:
            layer.register(cls, Handled(hook, invoke_hook), covers="subtree")
    for op in filter(_runs_as_others, handlers):
        warnings.warn(
            f"{WHERE}: {target_name(op)} runs as other ops and never appears, so its hook is not "
            "called. To fix it: name the ops that it runs as; report.by_op() of hookcount.count "
            "shows them.",
            stacklevel=4,
        )
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

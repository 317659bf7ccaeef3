"""``hookcount.compat.ptflops.pytorch_engine``: the figures of ptflops' backend "pytorch".

It also has the methods that ``ptflops.pytorch_engine`` adds to a model. These count the modules of
all forwards between ``start_flops_count`` and ``stop_flops_count``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TextIO

from torch import nn

from ...conventions import Convention
from ...observe.module_tree import unwrap
from ...pricing.per_sample import samples
from ...report import Report
from ...rules.registry import Registry, Target
from ...rules.table import Pair, Table
from ..counting import in_eval_mode, modules_at, observed
from ..shared import Handler, trainable
from ..unfused import unfused
from .inputs import STDOUT_OF_IMPORT, Constructor, inputs, stream
from .layers import Hooked, Layers, Text, hooked_under, unhooked
from .methods import (
    add_flops_counting_methods,
    compute_average_flops_cost,
    print_model_with_flops,
    reset_flops_count,
    start_flops_count,
    stop_flops_count,
)
from .pytorch_convention import pytorch_convention
from .pytorch_ops import CUSTOM_MODULES_MAPPING, MODULES_MAPPING

__all__ = [
    "CUSTOM_MODULES_MAPPING",
    "MODULES_MAPPING",
    "add_flops_counting_methods",
    "compute_average_flops_cost",
    "get_flops_pytorch",
    "get_model_parameters_number",
    "print_model_with_flops",
    "reset_flops_count",
    "start_flops_count",
    "stop_flops_count",
]

get_model_parameters_number = trainable


def get_flops_pytorch(
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
    ignored = frozenset(each for each in ignore_modules if isinstance(each, type))
    convention = pytorch_convention(ignored, custom_modules_hooks)
    if not extra_config.get("count_functional", True):
        convention = replace(convention, replaced={})
    model, args, kwargs = inputs(model, input_res, input_constructor)
    with in_eval_mode(model), unfused(unwrap(model).modules()):
        report = observed(model, args, kwargs, _each_by_itself(convention), run="auto")
    layers, functions = _figures(model, report, hooked_under(convention), ignored)
    shared_by, params = samples(report.priced.trace), trainable(model)
    total = layers.total(layers.model)
    if verbose:
        for line in unhooked(layers.model, layers.hooked, ignored):
            print(line, file=stream(ost))
    if print_per_layer_stat:
        macs, units = total / shared_by + functions, (flops_units, param_units)
        Text(layers, shared_by, macs, params, *units, output_precision).print(stream(ost))
    return total // shared_by + functions, params


def _each_by_itself(convention: Convention) -> Convention:
    """The convention, where no module stands for those beneath: the text shows these too."""
    made, formulas = None, convention.formulas
    for layer in reversed([] if formulas is None else list(formulas.layers())):
        made = Registry(made, name=layer.name)
        made.table = Table(layer.name, pairs=map(_by_itself, layer.table.pairs()))
    return replace(convention, formulas=made)


def _by_itself(pair: Pair) -> Pair:
    key, entry = pair
    return key, replace(entry, covers="nothing") if entry.covers == "modules" else entry


def _figures(
    model: nn.Module, report: Report, hooked: Hooked, ignored: frozenset[type]
) -> tuple[Layers, int]:
    """The figures of the model's modules, and that of all functions together."""
    paths = modules_at(model)
    figure = report.convention.figure
    functions, flops = 0, dict.fromkeys(map(id, paths.values()), 0)
    for record in report.records:
        if record.by == "op":
            functions += figure(record.ops)
        elif record.path in paths:
            flops[id(paths[record.path])] += figure(record.ops)
    return Layers(model, hooked, flops, ignored), functions

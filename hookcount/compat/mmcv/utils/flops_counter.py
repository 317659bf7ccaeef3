"""``hookcount.compat.mmcv.utils.flops_counter`` replaces ``mmcv.cnn.utils.flops_counter``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TextIO, TypeVar

from torch import nn

from ....conventions import named
from ....core.errors import InputError
from ....observe.module_tree import unwrap
from ....pricing.per_sample import samples
from ....report import Report
from ...annotated import annotated
from ...counting import in_eval_mode, modules_at, observed
from ...ptflops.inputs import STDOUT_OF_IMPORT, WHERE, Constructor, inputs, stream
from ...ptflops.layers import Layers, hooked_under
from ...ptflops.methods import (
    compute_average_flops_cost,
    counted_of,
    reset_flops_count,
    start_flops_count,
    stop_flops_count,
    with_methods,
)
from ...shared import refused, trainable
from ...unfused import unfused
from .hooks import (
    conv_flops_counter_hook,
    deconv_flops_counter_hook,
    empty_flops_counter_hook,
    get_modules_mapping,
    linear_flops_counter_hook,
    norm_flops_counter_hook,
    pool_flops_counter_hook,
    relu_flops_counter_hook,
    upsample_flops_counter_hook,
)

__all__ = [
    "add_flops_counting_methods",
    "compute_average_flops_cost",
    "conv_flops_counter_hook",
    "deconv_flops_counter_hook",
    "empty_flops_counter_hook",
    "flops_to_string",
    "get_model_complexity_info",
    "get_model_parameters_number",
    "get_modules_mapping",
    "linear_flops_counter_hook",
    "norm_flops_counter_hook",
    "params_to_string",
    "pool_flops_counter_hook",
    "print_model_with_flops",
    "relu_flops_counter_hook",
    "reset_flops_count",
    "start_flops_count",
    "stop_flops_count",
    "upsample_flops_counter_hook",
]

get_model_parameters_number = trainable

M = TypeVar("M", bound=nn.Module)

_FLOPS = ((10**9, "GFLOPs"), (10**6, "MFLOPs"), (10**3, "KFLOPs"))
_PARAMS = ((10**6, "M"), (10**3, "k"))
_UNITS_OF_PARAMS = {"M": 10**6, "K": 10**3}


class ShapeError(InputError, AssertionError):
    """The shape of the input is no tuple. It is an ``AssertionError`` too, as in mmcv."""


def get_model_complexity_info(
    model: nn.Module,
    input_shape: tuple[int, ...],
    print_per_layer_stat: bool = True,
    as_strings: bool = True,
    input_constructor: Constructor | None = None,
    flush: bool = False,
    ost: TextIO = STDOUT_OF_IMPORT,
) -> tuple[Any, Any]:
    """``(flops, params)`` of one forward in eval mode, as in mmcv 2.2.0 and 1.7.2.

    Both are texts, or numbers with ``as_strings=False``: a float and an int. ``flops`` are MACs,
    and other operations of the modules that mmcv lists (the convention ``"mmcv"``). ``params``
    counts the parameters that need gradients. The model runs once, in the current grad mode.

    ``input_shape``: the shape of the input without the batch. The batch is 1. The input gets the
    dtype and the device of the first parameter. ``input_constructor``, if given, is called with
    ``input_shape``. It returns a dict of keyword arguments, or the only argument of ``forward``.

    ``print_per_layer_stat`` writes the modules and their figures to ``ost``, as mmcv does.
    ``flush`` is that of ``print``.

    Raises ``InputError``, which is also an ``AssertionError``, for a shape that is no tuple. Raises
    the errors of ``hookcount.count``.
    """
    if type(input_shape) is not tuple or not input_shape:
        where = f"{WHERE}(input_shape={input_shape!r})"
        fix = "give a tuple, such as (3, 224, 224)"
        raise ShapeError(str(refused(where, "this is no shape", fix)))
    model, args, kwargs = inputs(model, input_shape, input_constructor)
    whole = replace(named("mmcv"), per_sample=False)
    with in_eval_mode(model), unfused(unwrap(model).modules()):
        report = observed(model, args, kwargs, whole, run="auto")
    flops, params = report.headline / samples(report.priced.trace), trainable(model)
    if print_per_layer_stat:
        shares = _Shares(_layers(model, report), samples(report.priced.trace), flops, params)
        print(shares, file=stream(ost), flush=flush)
    return (flops_to_string(flops), params_to_string(params)) if as_strings else (flops, params)


def add_flops_counting_methods(net_main_module: M) -> M:
    """Add four methods to a model: to start, stop and reset a count, and to get the mean.

    They count the modules of all forwards between ``start_flops_count`` and ``stop_flops_count``.

    >>> import torch
    >>> model = add_flops_counting_methods(nn.Linear(8, 4))
    >>> model.start_flops_count()
    >>> _ = model(torch.zeros(3, 8)), model(torch.zeros(1, 8))
    >>> model.compute_average_flops_cost()
    (32.0, 36)
    >>> model.stop_flops_count()
    """
    return with_methods(
        net_main_module, partial(named, "mmcv"), lambda layers: sum(layers.flops.values())
    )


def _layers(model: nn.Module, report: Report) -> Layers:
    """The figures of the model's modules."""
    figures = dict.fromkeys(map(id, model.modules()), 0)
    paths = modules_at(model)
    for record in report.records:
        if record.path in paths:
            figures[id(paths[record.path])] += report.convention.figure(record.ops)
    return Layers(model, hooked_under(report.convention), figures)


def print_model_with_flops(
    model: nn.Module,
    total_flops: float,
    total_params: float,
    units: str | None = "GFLOPs",
    precision: int = 3,
    ost: TextIO = STDOUT_OF_IMPORT,
    flush: bool = False,
) -> None:
    """Write the text of a model that has counted forwards, with each module's share of the totals.

    It has counted them by the methods of ``add_flops_counting_methods``. Raises ``InputError``
    before the first forward.
    """
    counted = counted_of(model)
    layers = counted.layers(model)
    shares = _Shares(layers, counted.samples, total_flops, total_params, units, precision)
    print(shares, file=stream(ost), flush=flush)


@dataclass(frozen=True)
class _Shares:
    """The text of a model in which each module shows its share."""

    layers: Layers
    samples: int
    flops: float
    params: float
    units: str | None = "GFLOPs"
    precision: int = 3

    def __str__(self) -> str:
        return annotated(self.layers.model, self._of)

    def _of(self, module: nn.Module) -> str:
        """The parameters and FLOPs of a module, their shares of the model's, and its options."""
        flops, params = self.layers.total(module) / self.samples, self.layers.params(module)
        return ", ".join(
            (
                params_to_string(params, "M", self.precision),
                f"{params / max(self.params, 1):.3%} Params",
                flops_to_string(flops, self.units, self.precision),
                f"{flops / max(self.flops, 1):.3%} FLOPs",
                module.extra_repr(),
            )
        )


def flops_to_string(flops: float, units: str | None = "GFLOPs", precision: int = 2) -> str:
    """FLOPs as a text in ``units``. With None, in the largest unit that fits.

    >>> flops_to_string(4101800000), flops_to_string(4101800000, "MFLOPs", 1)
    ('4.1 GFLOPs', '4101.8 MFLOPs')
    >>> flops_to_string(5400, None), flops_to_string(987, None)
    ('5.4 KFLOPs', '987 FLOPs')
    """
    for step, name in _FLOPS:
        if name == units or (units is None and flops >= step):
            return f"{round(flops / float(step), precision)} {name}"
    return f"{flops} FLOPs"


def params_to_string(num_params: float, units: str | None = None, precision: int = 2) -> str:
    """Parameters as a text in M or K. Without ``units``, in M or k, the larger that fits.

    >>> params_to_string(25557032), params_to_string(25557032, "K", 1), params_to_string(999)
    ('25.56 M', '25557.0 K', '999')
    """
    if units is None:
        for step, name in _PARAMS:
            if num_params >= step:
                return f"{round(num_params / step, precision)} {name}"
    elif units in _UNITS_OF_PARAMS:
        return f"{round(num_params / float(_UNITS_OF_PARAMS[units]), precision)} {units}"
    return str(num_params)

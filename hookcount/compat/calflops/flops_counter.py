"""``calculate_flops`` of calflops."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ...conventions.calflops import CALFLOPS, CALFLOPS_FLOPS
from ...observe.model import checked
from ..initialised import initialised
from ..profiled import (
    flops_to_string,
    ignoring,
    image_of,
    macs_to_string,
    params_to_string,
    profiled,
    ran,
)
from ..shared import refused
from .layers import Layers, Text, layers_of
from .utils import generate_transformer_input

_WHERE = "calculate_flops"


def calculate_flops(
    model: nn.Module,
    input_shape: tuple[int, ...] | None = None,
    transformer_tokenizer: Callable[..., Any] | None = None,
    args: Sequence[object] = (),
    kwargs: Mapping[str, object] = {},
    forward_mode: str = "forward",
    include_backPropagation: bool = False,
    compute_bp_factor: float = 2.0,
    print_results: bool = True,
    print_detailed: bool = True,
    output_as_string: bool = True,
    output_precision: int = 2,
    output_unit: str | None = None,
    ignore_modules: Iterable[type[nn.Module]] | None = None,
) -> tuple[Any, Any, Any]:
    """``(flops, macs, params)`` of one run in eval mode, as in calflops 0.3.2.

    The results are texts, or numbers with ``output_as_string=False``. The FLOPs are two per MAC,
    and 1 for most other operations. ``params`` counts the parameters that need gradients.

    ``input_shape``: the shape of the input, batch included. With a ``transformer_tokenizer`` it is
    that of the token ids, by default (1, 128). Otherwise give ``args`` and ``kwargs``, the
    arguments of the model. ``forward_mode="generate"`` runs ``model.generate``, for real.

    ``include_backPropagation`` multiplies FLOPs and MACs by ``1 + compute_bp_factor``. For an exact
    backward pass use ``hookcount.Training``. ``ignore_modules`` lists module classes. Recurrent
    modules of these classes cost nothing; others are counted, as in the tool.

    ``print_results`` prints the figures, and with ``print_detailed`` each module with its own.

    The differences from calflops:

    - The model is not moved, and stays in its train or eval mode.
    - It runs on shapes where it can. So no values are needed.
    - ``padding="same"`` with a window of even length counts all positions. The tool takes one too
      few.
    - ``F.interpolate`` with a size of one int counts the positions. The tool counts that int.
    - The text has no notes between its figures.

    Raises ``InputError`` for an option without such a value, and the errors of ``hookcount.count``.
    """
    given = _inputs(model, input_shape, transformer_tokenizer, tuple(args), dict(kwargs))
    layers = ran_layers(model, given, forward_mode, ignore_modules)
    factor = 1 + compute_bp_factor
    if print_results:
        print(Text(layers, factor, print_detailed, output_unit, output_precision))
    results = results_of(layers, factor if include_backPropagation else 1)
    return texts_of(results, output_unit, output_precision) if output_as_string else results


def _inputs(
    model: nn.Module,
    shape: tuple[int, ...] | None,
    tokenizer: Callable[..., Any] | None,
    args: tuple[object, ...],
    kwargs: dict[str, object],
) -> tuple[tuple[object, ...], dict[str, object]]:
    """The arguments of the model."""
    if shape is not None and (args or kwargs):
        fix = "give input_shape, or args and kwargs"
        raise refused(f"{_WHERE}(input_shape={shape})", "there are args or kwargs too", fix)
    if tokenizer is not None:
        device = next((each.device for each in checked(model).parameters), torch.device("cpu"))
        return args, kwargs | generate_transformer_input(tokenizer, shape, device)
    if shape is not None:
        return (image_of(model, shape, f"{_WHERE}(input_shape={shape!r})"),), {}
    if not args and not kwargs:
        raise refused(_WHERE, "there is no input", "give input_shape, args or kwargs")
    return args, kwargs


def ran_layers(
    model: nn.Module,
    given: tuple[tuple[object, ...], Mapping[str, object]],
    mode: str,
    ignored: Iterable[type[nn.Module]] | None,
) -> Layers:
    """The figures of one run."""
    classes = tuple(ignored or ())
    layer = ignoring(model, classes, f"{_WHERE}(ignore_modules=...)")
    model = initialised(model, *given)
    report = ran(model, *given, CALFLOPS, mode, f"{_WHERE}(forward_mode={mode!r})")
    return layers_of(model, profiled(report, CALFLOPS_FLOPS, CALFLOPS, layer), classes)


def results_of(layers: Layers, factor: float) -> tuple[Any, Any, Any]:
    """FLOPs and MACs times ``factor``, and the parameters."""
    flops, macs, params = layers.totals
    return flops * factor, macs * factor, params


def texts_of(
    results: tuple[Any, Any, Any], unit: str | None, precision: int
) -> tuple[str, str, str]:
    """The results as texts."""
    flops, macs, params = results
    return (
        flops_to_string(flops, unit, precision),
        macs_to_string(macs, unit, precision),
        params_to_string(params, unit, precision),
    )

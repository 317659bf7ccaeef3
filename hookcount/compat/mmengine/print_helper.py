"""``hookcount.compat.mmengine.print_helper``: the complexity of a model, as numbers and texts."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ...observe.own_draws import OwnDraws
from ...tables.ascii import ascii_table
from ..fvcore.jit_analysis import JitModelAnalysis
from ..fvcore.parameter_count import parameter_count
from ..fvcore.print_model_statistics import flop_count_str, format_size, rows_of_analyses
from ..shared import refused
from .complexity_analysis import ActivationAnalyzer, FlopAnalyzer

__all__ = ["complexity_stats_str", "complexity_stats_table", "get_model_complexity_info"]

Shape = tuple[int, ...]

complexity_stats_str = flop_count_str

_format_size = format_size
"""Its name in mmengine. The scripts of mmdetection and others import it."""


def complexity_stats_table(
    flops: JitModelAnalysis,
    max_depth: int = 3,
    activations: JitModelAnalysis | None = None,
    show_param_shapes: bool = True,
) -> str:
    """A table with a row for each module that has parameters or flops, down to ``max_depth``.

    With ``activations`` (an ``ActivationAnalyzer``) it has ``#activations`` too. With
    ``show_param_shapes`` each parameter has a row. A module whose only child has the same figures
    is in one row with it.
    """
    return ascii_table(*rows_of_analyses(flops, max_depth, activations, show_param_shapes))


def get_model_complexity_info(
    model: nn.Module,
    input_shape: Shape | tuple[Shape, ...] | None = None,
    inputs: object = None,
    show_table: bool = True,
    show_arch: bool = True,
) -> dict[str, Any]:
    """The complexity of a model, as in mmengine 0.10.7.

    The result is a dict. ``flops`` (MACs, and those of norms, adaptive pools and upsampling),
    ``activations`` (output elements of convolutions and products) and ``params`` are numbers.
    ``flops_str``, ``activations_str`` and ``params_str`` are the same as texts. ``out_table`` is a
    table by module, and ``out_arch`` the model with figures. They are empty without ``show_table``
    and ``show_arch``.

    ``inputs``: a tensor, or a tuple of the arguments of ``forward``. ``input_shape``: the shape of
    the input without the batch, which is 1, or a tuple of the shapes of several inputs. The inputs
    then get random values, and the device of the first parameter.

    The model runs in its current train or eval modes, as with ``FlopAnalyzer``.

    Raises ``InputError``, which is a ``ValueError``, unless one of both is given, or for a shape
    that is no tuple. Raises the errors of ``FlopAnalyzer``.
    """
    args = _arguments(model, input_shape, inputs)
    flops, activations = FlopAnalyzer(model, args), ActivationAnalyzer(model, args)
    figures = {
        "flops": flops.total(),
        "activations": activations.total(),
        "params": parameter_count(flops.model)[""],
    }
    table = complexity_stats_table(flops, activations=activations) if show_table else ""
    arch = complexity_stats_str(flops, activations) if show_arch else ""
    info: dict[str, Any] = {}
    for name, figure in figures.items():
        info |= {name: figure, f"{name}_str": format_size(figure)}
    return info | {"out_table": table and f"\n{table}", "out_arch": arch and f"\n{arch}"}


def _arguments(model: nn.Module, shape: object, inputs: object) -> object:
    where, fix = (
        "get_model_complexity_info",
        "give one of input_shape=(3, 224, 224) and inputs=(x,)",
    )
    if (shape is None) == (inputs is None):
        given = "neither input_shape nor inputs is" if shape is None else "both are"
        raise refused(where, f"{given} given", "give input_shape=(3, 224, 224), or inputs=(x,)")
    if inputs is not None:
        return inputs
    device = next((each.device for each in model.parameters()), torch.device("cpu"))
    shapes = (shape,) if _is_shape(shape) else shape
    if not isinstance(shapes, tuple) or not all(map(_is_shape, shapes)):
        fix = "give a tuple of ints, such as (3, 224, 224), or a tuple of such tuples"
        raise refused(f"{where}(input_shape={shape!r})", "this is no shape", fix)
    with OwnDraws():
        return tuple(torch.randn(1, *each).to(device) for each in shapes)


def _is_shape(value: object) -> bool:
    return is_tuple_of(value, int)


def is_tuple_of(seq: object, expected_type: type | tuple[type, ...]) -> bool:
    """Whether a value is a tuple whose items all have a type.

    >>> is_tuple_of((3, 224, 224), int), is_tuple_of([3], int)
    (True, False)
    """
    return isinstance(seq, tuple) and all(isinstance(each, expected_type) for each in seq)

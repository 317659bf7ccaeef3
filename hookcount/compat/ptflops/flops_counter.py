"""``hookcount.compat.ptflops.flops_counter``: the entrance of ``ptflops.flops_counter``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, TextIO

from torch import nn

from ...rules.registry import Target
from ..shared import Handler, refused
from .aten_engine import get_flops_aten
from .inputs import STDOUT_OF_IMPORT, WHERE, Constructor
from .pytorch_engine import (
    MODULES_MAPPING,
    add_flops_counting_methods,
    get_flops_pytorch,
    get_model_parameters_number,
    print_model_with_flops,
)
from .utils import flops_to_string, params_to_string

__all__ = [
    "FLOPS_BACKEND",
    "MODULES_MAPPING",
    "add_flops_counting_methods",
    "flops_to_string",
    "get_model_complexity_info",
    "get_model_parameters_number",
    "params_to_string",
    "print_model_with_flops",
]


class FLOPS_BACKEND(Enum):
    """The two backends of ptflops."""

    PYTORCH = "pytorch"
    ATEN = "aten"


def get_model_complexity_info(
    model: nn.Module,
    input_res: tuple[int, ...],
    print_per_layer_stat: bool = True,
    as_strings: bool = True,
    input_constructor: Constructor | None = None,
    ost: TextIO = STDOUT_OF_IMPORT,
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
    gradients. The model runs once, in the current grad mode.

    ``backend``: ``"pytorch"``, the default, counts modules of listed classes, and calls of listed
    functions of torch (the convention ``"ptflops-pytorch"``). It counts an activation or a pool
    twice, and no call of ``x @ y``. The sum over modules is divided by the length of the model's
    first input. ``"aten"`` counts matrix products and convolutions with their biases, wherever the
    code calls them (the convention ``"ptflops"``). It runs the model for real.

    ``input_res``: the shape of the input without the batch. The batch is 1. The input gets the
    dtype and the device of the first parameter. ``input_constructor``, if given, is called with
    ``input_res``. It returns a dict of keyword arguments, or the only argument of ``forward``.

    ``custom_modules_hooks`` maps module classes and ops to functions. They are called after the
    run, with tensors without values. The count of a call must be a whole number.

    - For a module class, not its subclasses: ``hook(module, inputs, out)``. It adds its count to
      ``module.__flops__``. It pays for the modules beneath too. Under ``"pytorch"``, functions that
      they call still count. Under ``"aten"``, it pays for all work beneath.
    - For an op such as ``torch.ops.aten.bmm``: ``function(args, outputs)``. It returns its count.
      Only ``"aten"`` sees ops.

    ``ignore_modules`` lists ops, and module classes. Under ``"pytorch"``, such a module counts
    nothing; if ptflops lists its class, neither do the modules beneath. Under ``"aten"``, the ops
    that such a module itself runs cost nothing.

    ``print_per_layer_stat`` writes the modules and their figures to ``ost``, as ptflops does. With
    ``"aten"`` these are the ops of the model and of its children. ``verbose`` writes which classes
    count nothing; with ``"aten"``, how the figure differs from hookcount's own.

    ``backend_specific_config={"count_functional": False}`` leaves out the functions. Only
    ``"pytorch"`` counts functions.

    Raises ``InputError`` for an option without such a value. Raises ``FormulaError`` for a hook
    that fails, and the errors of ``hookcount.count``. It never returns ``(None, None)``.
    """
    name = _checked(backend, input_res, backend_specific_config)
    count = get_flops_pytorch if name is FLOPS_BACKEND.PYTORCH else get_flops_aten
    macs, params = count(
        model,
        input_res,
        print_per_layer_stat,
        input_constructor,
        ost,
        verbose,
        ignore_modules,
        custom_modules_hooks,
        output_precision=output_precision,
        flops_units=flops_units,
        param_units=param_units,
        extra_config=backend_specific_config,
    )
    if not as_strings:
        return macs, params
    return flops_to_string(macs, flops_units, output_precision), params_to_string(
        params, param_units, output_precision
    )


def _checked(
    backend: str | FLOPS_BACKEND, input_res: object, config: Mapping[str, object]
) -> FLOPS_BACKEND:
    """The backend. Raises ``InputError`` for an option without such a value."""
    given = backend.value if isinstance(backend, Enum) else backend  # also ptflops' own enum
    if given not in [each.value for each in FLOPS_BACKEND]:
        what, fix = "there is no such backend", "give backend='pytorch' or backend='aten'"
        raise refused(f"{WHERE}(backend={backend!r})", what, fix)
    if not isinstance(input_res, tuple) or not input_res:
        where = f"{WHERE}(input_res={input_res!r})"
        raise refused(where, "this is no shape", "give a tuple, such as (3, 224, 224)")
    strange = [name for name in config if name != "count_functional"]
    if strange:
        names = ", ".join(map(repr, strange))
        where = f"{WHERE}(backend_specific_config=...)"
        raise refused(where, f"{names} has no meaning here", "leave it out")
    return FLOPS_BACKEND(given)

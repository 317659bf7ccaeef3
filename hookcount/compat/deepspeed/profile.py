"""``get_model_profile``: the profile of one run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from ...conventions.deepspeed import DEEPSPEED, DEEPSPEED_FLOPS
from ...report import Report
from ...seconds.timer import Timer
from ..counting import in_eval_mode
from ..initialised import initialised
from ..inside import inside
from ..profiled import (
    elements,
    ignoring,
    image_of,
    macs_to_string,
    number_to_string,
    params_to_string,
    profiled,
    ran,
)
from ..shared import refused
from .printed import whole, written

_WHERE = "get_model_profile"


def get_model_profile(
    model: nn.Module,
    input_shape: tuple[int, ...] | None = None,
    args: Sequence[object] = (),
    kwargs: Mapping[str, object] = {},
    print_profile: bool = True,
    detailed: bool = True,
    module_depth: int = -1,
    top_modules: int = 1,
    warm_up: int = 1,
    as_string: bool = True,
    output_file: str | None = None,
    ignore_modules: Iterable[type[nn.Module]] | None = None,
    mode: str = "forward",
    *,
    input_res: tuple[int, ...] | None = None,
    input_constructor: Callable[[tuple[int, ...]], Mapping[str, object]] | None = None,
) -> tuple[Any, ...]:
    """``(flops, macs, params)`` of one run in eval mode, as in DeepSpeed 0.19.8.

    The results are texts, or ints with ``as_string=False``. The FLOPs are two per MAC, and 1 for
    most other operations.

    ``input_shape``: the shape of the input, batch included. Otherwise give ``args`` and ``kwargs``,
    the arguments of the model. ``mode="generate"`` runs ``model.generate``, for real.
    ``ignore_modules`` lists module classes. Recurrent modules of these classes cost nothing; others
    are counted, as in the tool.

    ``print_profile`` prints the figures, or writes them to ``output_file``. ``module_depth`` and
    ``top_modules`` say how many depths and classes of modules it has; ``detailed`` adds the tree of
    the MACs. The latency is that of ``hookcount.Timer``, after ``warm_up`` forwards. A model on the
    meta device has none.

    ``input_res`` is the name that ``input_shape`` had in older versions of DeepSpeed. With it the
    result is ``(macs, params)``, as it was then. The MACs are those of today.
    ``input_constructor``, if given, is called with ``input_res``. It returns the arguments of the
    model, by name.

    Raises ``InputError`` for an option without such a value, and the errors of ``hookcount.count``.
    """
    old = input_res is not None
    if input_res is not None:
        if input_constructor is None:
            input_shape = input_res
        else:
            kwargs = {**kwargs, **input_constructor(input_res)}
    given = tuple(args), dict(kwargs)
    if input_shape is not None:
        given = (image_of(model, input_shape, f"{_WHERE}(input_shape={input_shape!r})"),), given[1]
    elif not any(given):
        raise refused(_WHERE, "there is no input", "give input_shape, args or kwargs")
    model = initialised(model, *given)
    layer = ignoring(model, ignore_modules, f"{_WHERE}(ignore_modules=...)")
    report = ran(model, *given, DEEPSPEED, mode, f"{_WHERE}(mode={mode!r})")
    report = Report(replace(report.priced, trace=inside(report.priced.trace, model)))
    profile, params = profiled(report, DEEPSPEED_FLOPS, DEEPSPEED, layer), elements(model)
    if print_profile:
        seconds = None
        if mode == "forward" and not any(each.is_meta for each in model.parameters()):
            with in_eval_mode(model):
                timer = Timer(warmup=warm_up, repeat=1, min_seconds=0, modules=False)
                seconds = timer.measure(model, *given[0], **given[1]).seconds
        text = whole(
            profile,
            params,
            seconds,
            warm_up,
            module_depth=module_depth,
            top_modules=top_modules,
            detailed=detailed,
        )
        written(text, output_file)
    found: tuple[Any, Any, Any] = profile.flops, profile.macs, params
    if as_string:
        flops, macs, params_ = found
        found = number_to_string(flops), macs_to_string(macs), params_to_string(params_)
    return found[1:] if old else found

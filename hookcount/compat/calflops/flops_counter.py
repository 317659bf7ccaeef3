"""``calculate_flops`` and ``calculate_flops_hf`` of calflops."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ...conventions.calflops import CALFLOPS, CALFLOPS_FLOPS
from ...models.huggingface import build
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

_WHERE = "calculate_flops"
_TOKENS = (1, 128)
"""The shape of token ids without an ``input_shape``."""


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
    layers = _layers(model, given, forward_mode, ignore_modules)
    factor = 1 + compute_bp_factor
    if print_results:
        print(Text(layers, factor, print_detailed, output_unit, output_precision))
    results = _results(layers, factor if include_backPropagation else 1)
    return _texts(results, output_unit, output_precision) if output_as_string else results


def calculate_flops_hf(
    model_name: str,
    empty_model: nn.Module | None = None,
    input_shape: tuple[int, ...] | None = None,
    trust_remote_code: bool = True,
    access_token: str = "",
    forward_mode: str = "forward",
    include_backPropagation: bool = False,
    compute_bp_factor: float = 2.0,
    print_results: bool = True,
    print_detailed: bool = True,
    output_as_string: bool = True,
    output_precision: int = 2,
    output_unit: str | None = None,
    ignore_modules: Iterable[type[nn.Module]] | None = None,
    return_results: bool = False,
) -> tuple[Any, ...]:
    """As ``calculate_flops``, for a model of transformers by its config. It has no weights.

    ``model_name``: the path of a ``config.json``, or of its folder. ``empty_model``: the model, if
    it exists already. ``input_shape``: that of the token ids, by default (1, 128).
    ``return_results`` adds the text that is printed to the result.

    Nothing is downloaded, and no code of the checkpoint runs. ``trust_remote_code`` and
    ``access_token`` are therefore not used. Raises ``UnknownModelError``, a ``LookupError``, for a
    name that is no such path, and the errors of ``calculate_flops``.
    """
    if empty_model is None:
        empty_model = build(f"hf:{model_name}", model_name, None).model
    given = (), _token_ids(empty_model, _TOKENS if input_shape is None else input_shape)
    layers = _layers(empty_model, given, forward_mode, ignore_modules)
    factor = 1 + compute_bp_factor
    text = str(Text(layers, factor, print_detailed, output_unit, output_precision))
    if print_results:
        print(text)
    results = _results(layers, factor if include_backPropagation else 1)
    if output_as_string:
        results = _texts(results, output_unit, output_precision)
    return (*results, text) if return_results else results


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
        return args, kwargs | _tokenized(model, tokenizer, _TOKENS if shape is None else shape)
    if shape is not None:
        return (image_of(model, shape, f"{_WHERE}(input_shape={shape!r})"),), {}
    if not args and not kwargs:
        raise refused(_WHERE, "there is no input", "give input_shape, args or kwargs")
    return args, kwargs


def _tokenized(
    model: nn.Module, tokenizer: Callable[..., Any], shape: tuple[int, ...]
) -> dict[str, object]:
    """What a tokenizer makes of an empty text, with as many tokens as the shape has."""
    rows, length = _rows_and_length(shape)
    device = next((each.device for each in checked(model).parameters), torch.device("cpu"))
    made: dict[str, object] = {}
    for name, values in tokenizer("").items():
        filler = getattr(tokenizer, "pad_token_id", 0) if name == "input_ids" else 0
        row = [*values, *[filler or 0] * length][:length]
        made[name] = torch.tensor([row] * rows, device=device)
    return made


def _token_ids(model: nn.Module, shape: tuple[int, ...]) -> dict[str, object]:
    """Token ids for each kind of ids that the model needs.

    There is no mask, which would change no figure. A model on meta could not read its values.
    """
    rows, length = _rows_and_length(shape)
    takes = inspect.signature(model.forward).parameters
    names = ["input_ids"]
    if getattr(getattr(model, "config", None), "is_encoder_decoder", False):
        names.append("decoder_input_ids")
    device = next((each.device for each in checked(model).parameters), torch.device("cpu"))
    return {
        name: torch.zeros(rows, length, dtype=torch.long, device=device)
        for name in names
        if name in takes
    }


def _rows_and_length(shape: tuple[int, ...]) -> tuple[int, int]:
    if not isinstance(shape, tuple) or [type(size) for size in shape] != [int, int]:
        fix = "give the shape of the token ids: (batch, tokens)"
        raise refused(f"{_WHERE}(input_shape={shape!r})", "this is no shape of token ids", fix)
    return shape[0], shape[1]


def _layers(
    model: nn.Module,
    given: tuple[tuple[object, ...], Mapping[str, object]],
    mode: str,
    ignored: Iterable[type[nn.Module]] | None,
) -> Layers:
    classes = tuple(ignored or ())
    layer = ignoring(model, classes, f"{_WHERE}(ignore_modules=...)")
    model = initialised(model, *given)
    report = ran(model, *given, CALFLOPS, mode, f"{_WHERE}(forward_mode={mode!r})")
    return layers_of(model, profiled(report, CALFLOPS_FLOPS, CALFLOPS, layer), classes)


def _results(layers: Layers, factor: float) -> tuple[Any, Any, Any]:
    flops, macs, params = layers.totals
    return flops * factor, macs * factor, params


def _texts(results: tuple[Any, Any, Any], unit: str | None, precision: int) -> tuple[str, str, str]:
    flops, macs, params = results
    return (
        flops_to_string(flops, unit, precision),
        macs_to_string(macs, unit, precision),
        params_to_string(params, unit, precision),
    )

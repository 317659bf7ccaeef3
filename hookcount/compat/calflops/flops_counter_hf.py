"""``calculate_flops_hf`` of calflops."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from ...observe.model import checked
from .estimate import create_empty_model
from .flops_counter import ran_layers, results_of, texts_of
from .layers import Text
from .utils import TOKENS, rows_and_length


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
        empty_model = create_empty_model(model_name)
    given = (), _token_ids(empty_model, TOKENS if input_shape is None else input_shape)
    layers = ran_layers(empty_model, given, forward_mode, ignore_modules)
    factor = 1 + compute_bp_factor
    text = str(Text(layers, factor, print_detailed, output_unit, output_precision))
    if print_results:
        print(text)
    results = results_of(layers, factor if include_backPropagation else 1)
    if output_as_string:
        results = texts_of(results, output_unit, output_precision)
    return (*results, text) if return_results else results


def _token_ids(model: nn.Module, shape: tuple[int, ...]) -> dict[str, object]:
    """Token ids for each kind of ids that the model needs.

    There is no mask, which would change no figure. A model on meta could not read its values.
    """
    rows, length = rows_and_length(shape)
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

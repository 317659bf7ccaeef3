"""``hookcount.compat.calflops.utils``: figures as texts, and the input of a transformer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from ..profiled import (
    bytes_to_string,
    flops_to_string,
    macs_to_string,
    number_to_string,
    params_to_string,
)
from ..shared import refused

__all__ = [
    "bytes_to_string",
    "convert_bytes",
    "flops_to_string",
    "generate_transformer_input",
    "macs_to_string",
    "number_to_string",
    "params_to_string",
    "rows_and_length",
]

TOKENS = (1, 128)
"""The shape of token ids without an ``input_shape``."""


def generate_transformer_input(
    model_tokenizer: Callable[..., Any],
    input_shape: Sequence[int] | None,
    device: torch.device | str | None,
) -> dict[str, torch.Tensor]:
    """What a tokenizer makes of an empty text, with as many tokens as ``input_shape`` says.

    ``input_shape``: (batch, tokens), by default (1, 128). The result has ``input_ids``, and of
    ``attention_mask``, ``token_type_ids`` and ``position_ids`` those that the tokenizer makes. The
    first is padded by the tokenizer's ``pad_token_id``, or 0; the next two by 0; positions go on.

    Raises ``InputError`` for another shape.
    """
    rows, length = rows_and_length(TOKENS if input_shape is None else input_shape)
    fillers = {
        "input_ids": [getattr(model_tokenizer, "pad_token_id", 0) or 0] * length,
        "attention_mask": [0] * length,
        "token_type_ids": [0] * length,
        "position_ids": list(range(length)),
    }
    made: dict[str, torch.Tensor] = {}
    for name, values in model_tokenizer("").items():
        if name in fillers:
            row = [*values, *fillers[name][len(values) :]][:length]
            made[name] = torch.tensor([row] * rows, device=device)
    return made


def rows_and_length(shape: Sequence[int]) -> tuple[int, int]:
    """The two sizes of token ids. Raises ``InputError`` for another shape."""
    if not isinstance(shape, (tuple, list)) or [type(size) for size in shape] != [int, int]:
        fix = "give the shape of the token ids: (batch, tokens)"
        raise refused(f"calflops(input_shape={shape!r})", "this is no shape of token ids", fix)
    return shape[0], shape[1]


def convert_bytes(size: float) -> str:
    """Bytes in the largest unit that fits, where 1 KB is 1024 bytes.

    >>> convert_bytes(1000), convert_bytes(1536), convert_bytes(3 * 1024**3)
    ('1000 bytes', '1.5 KB', '3.0 GB')
    """
    for unit in ("bytes", "KB", "MB", "GB", "TB"):
        if size < 1024:
            return f"{round(size, 2)} {unit}"
        size /= 1024
    return f"{round(size, 2)} PB"

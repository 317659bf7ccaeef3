"""Nested tensors in a shapes-only run, as ``nn.TransformerEncoder`` makes them of a padding mask.

A nested tensor holds sequences of different lengths. torch has none on meta. So its stand-in is one
on the CPU in memory that nobody reads. The mask is a constant and gives the lengths. If the mask is
data, its values are unknown, and no step is taken for padding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ..quiet import quiet
from .data import Data
from .meta_tensors import empty


def nested_like(sizes: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """A nested tensor of sequences with these sizes, a row each."""
    rows = sizes.prod(1)
    strides = torch.ones_like(sizes)
    strides[:, :-1] = sizes[:, 1:].flip(1).cumprod(1).flip(1)
    memory = torch.empty(int(rows.sum()), dtype=dtype)
    return torch._nested_view_from_buffer(memory, sizes, strides, rows.cumsum(0) - rows)


def is_left_aligned(data: Data, padded: torch.Tensor, mask: torch.Tensor) -> bool:
    """Whether each sequence begins at its first position."""
    return not data.has(mask) and bool((mask[:, 1:] <= mask[:, :-1]).all())


def from_mask(data: Data, padded: torch.Tensor, mask: torch.Tensor, *rest: object) -> torch.Tensor:
    """Sequences of [length, E] from [N, L, E] and a mask [N, L] of the real steps."""
    batch, longest, depth = padded.shape
    lengths = torch.full((batch,), longest) if data.has(mask) else mask.sum(1)
    return nested_like(torch.stack((lengths, torch.full_like(lengths, depth)), 1), padded.dtype)


def to_padded(
    data: Data, nested: torch.Tensor, padding: float, output_size: list[int] | None = None
) -> torch.Tensor:
    """[N, L, E] from sequences of [length, E]."""
    longest = nested._nested_tensor_size().amax(0).tolist()
    return empty(output_size or (nested.size(0), *longest), nested.dtype)


def encoder_layer(data: Data, source: torch.Tensor, *rest: object) -> torch.Tensor:
    """Sequences of the same sizes."""
    return nested_like(source._nested_tensor_size(), source.dtype)


MAKES: dict[str, Callable[..., Any]] = {
    "aten::_nested_tensor_from_mask_left_aligned": is_left_aligned,
    "aten::_nested_tensor_from_mask": from_mask,
}
"""The ops that make a nested tensor of a padded one."""
TAKES: dict[str, Callable[..., Any]] = {
    "aten::to_padded_tensor": to_padded,
    "aten::_transformer_encoder_layer_fwd": encoder_layer,
}
"""The ops that take a nested tensor."""


def on_nested(name: str, data: Data, args: Any, kwargs: Any) -> tuple[Any] | None:
    """The result of an op that makes or takes a nested tensor, in a tuple; None for other ops."""
    rule = MAKES.get(name) or TAKES.get(name)
    if rule is None or (name in TAKES and not args[0].is_nested):
        return None
    with quiet():
        made = rule(data, *args, **kwargs)
    if isinstance(made, torch.Tensor) and made.is_nested:
        data.add(made)
    return (made,)

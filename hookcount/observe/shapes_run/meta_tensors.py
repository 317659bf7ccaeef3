"""Makes meta tensors for the rules of output shapes."""

from __future__ import annotations

from collections.abc import Sequence

import torch

Made = (
    torch.Tensor | tuple[torch.Tensor | list[torch.Tensor] | None, ...] | list[torch.Tensor] | None
)
"""The result of an op as meta tensors; None where a rule does not apply."""

META = torch.device("meta")


def empty(shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
    """A contiguous meta tensor.

    ``torch.empty_like`` and ``new_empty`` take several times as long on meta.
    """
    strides: list[int] = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return torch.empty_strided(tuple(shape), strides[::-1], dtype=dtype, device=META)


def like(tensor: torch.Tensor) -> torch.Tensor:
    """``torch.empty_like(tensor)``, faster: the same strides where they leave no holes."""
    if tensor.is_contiguous() or (
        tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
    ):
        return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=META)
    return torch.empty_like(tensor)

"""Output shapes of histograms. torch has no shapes-only implementations of these ops."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .meta_tensors import Made, empty


def histogram(input: torch.Tensor, bins: int | torch.Tensor = 100, **options: object) -> Made:
    """[bins], [bins + 1] = histogram([*], bins). ``bins`` may be a tensor of edges."""
    edges = bins.numel() if isinstance(bins, torch.Tensor) else bins + 1
    return empty((edges - 1,), input.dtype), empty((edges,), input.dtype)


def bin_edges(input: torch.Tensor, bins: Sequence[int], **options: object) -> Made:
    """[b1 + 1], [b2 + 1], .. = bin_edges([*, D], [b1, b2, ..])."""
    return [empty((each + 1,), input.dtype) for each in bins]


def histogram_of_counts(input: torch.Tensor, bins: Sequence[int], **options: object) -> Made:
    """[b1, b2, ..] = histogram_of_counts([*, D], [b1, b2, ..])."""
    return empty(tuple(bins), input.dtype)


def histogram_of_edges(
    input: torch.Tensor, bins: Sequence[torch.Tensor], **options: object
) -> Made:
    """[b1, b2, ..] = histogram_of_edges([*, D], [b1 + 1], [b2 + 1], ..)."""
    return empty(tuple([each.numel() - 1 for each in bins]), input.dtype)

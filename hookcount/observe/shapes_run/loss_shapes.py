"""Output shapes of losses and their gradients that have no shapes-only implementation in torch."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .meta_tensors import Made, empty


def ctc_loss(
    log_probs: torch.Tensor,
    targets: torch.Tensor,
    input_lengths: Sequence[int] | torch.Tensor,
    target_lengths: Sequence[int] | torch.Tensor,
    *rest: object,
) -> Made:
    """[N], [N, T, 2 S + 1] = ctc_loss([T, N, C], targets, lengths).

    S is the longest target. If the lengths are data, it is the length that the targets have room
    for.
    """
    if log_probs.dim() != 3:
        return None
    steps, batch, _ = log_probs.shape
    if isinstance(target_lengths, torch.Tensor):
        longest = targets.shape[1] if targets.dim() == 2 else -(-targets.numel() // max(batch, 1))
    else:
        longest = max(target_lengths, default=0)
    sums = empty((batch, steps, 2 * longest + 1), log_probs.dtype)
    return empty((batch,), log_probs.dtype), sums


def gradient_of_second(grad: torch.Tensor, given: torch.Tensor, *rest: object) -> Made:
    """[*] = gradient of ``given``, [*], which an op takes after the incoming gradient."""
    return empty(given.shape, given.dtype)

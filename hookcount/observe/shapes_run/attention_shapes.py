"""Output shapes of the fused ops of attention on the CPU."""

from __future__ import annotations

from typing import Any

import torch

from .meta_tensors import Made, empty, like


def multi_head(query: torch.Tensor, key: torch.Tensor, *args: Any, **options: object) -> Made:
    """[N, L, E], weights = multi_head([N, L, E], [N, S, E]).

    The weights are [N, L, S] if averaged over the heads, else [N, heads, L, S]. There are none if
    ``need_weights`` is false. torch has no shapes-only implementation of this op.
    """
    heads = args[2]
    need_weights = options.get("need_weights", args[8] if len(args) > 8 else True)
    averaged = options.get("average_attn_weights", args[9] if len(args) > 9 else True)
    batch, length = query.shape[:2]
    shape = (batch, length, key.shape[1]) if averaged else (batch, heads, length, key.shape[1])
    return like(query), empty(shape, query.dtype) if need_weights else None


def encoder_layer(src: torch.Tensor, *args: object, **options: object) -> Made:
    """[N, L, E] = encoder_layer([N, L, E]). torch has no shapes-only implementation of this op."""
    return like(src)


def flash_attention(query: torch.Tensor, *args: object, **options: object) -> Made:
    """[N, H, L, E], [N, H, L] = flash_attention([N, H, L, E], [N, H, S, E], [N, H, S, E]).

    The second output is the log-sum-exp of each query, with its positions before its heads.
    """
    batch, heads, length = query.shape[:3]
    sums = torch.float64 if query.dtype is torch.float64 else torch.float32
    return like(query), empty((batch, length, heads), sums).transpose(1, 2)


def flash_attention_backward(
    grad: torch.Tensor,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    *rest: object,
    **options: object,
) -> Made:
    """Gradients of shapes [N, H, L, E], [N, H, S, E], [N, H, S, E], with positions before heads."""
    found = [
        empty((each.shape[0], each.shape[2], each.shape[1], each.shape[3]), each.dtype)
        for each in (query, key, value)
    ]
    return tuple([each.transpose(1, 2) for each in found])

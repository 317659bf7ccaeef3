"""The gradients of scaled dot-product attention, as each backend's fused op computes them."""

from __future__ import annotations

from math import prod
from typing import Any

from torch import Size

from ...core.ops import Ops
from ..arithmetic import matmul
from ..builtin import formula


def attention_backward(
    batch: int, heads: int, queries: int, keys: int, depth: int, depth_v: int, *, masked: bool
) -> Ops:
    """dq, dk, dv of attention, where the fused kernel makes the scores again: five products.

    Scores q k^T; dV = P^T dO; dP = dO V^T; dQ = dS K; dK = dS^T Q. Per score: the log-sum-exp subtracted and an exp for P,
    dS = P (dP - delta), and the mask. Per query delta, the product of dO and O; q, k, dQ and dK are scaled. Kept apart from
    it, torch's own ops keep P and need four products only.
    """
    each = batch * heads
    scores = each * queries * keys
    ops = matmul(queries, depth, keys, each) * 3 + matmul(queries, depth_v, keys, each) * 2
    ops = ops + Ops(adds=2 + masked, muls=1, specials=1) * scores
    ops = ops + Ops(adds=depth_v - 1, muls=depth_v) * (each * queries)
    return ops + Ops(muls=each * (queries + keys) * depth * 2)


def _by_heads_backward(query: Size, key: Size, value: Size, *, masked: bool) -> Ops:
    heads, queries, depth = query[-3:]
    return attention_backward(
        prod(query[:-3]), heads, queries, key[-2], depth, value[-1], masked=masked
    )


@formula("aten::_scaled_dot_product_flash_attention_backward", kind="gradient")
def flash_attention_backward(query: Size, key: Size, value: Size, is_causal: bool) -> Ops:
    """dq, dk, dv = gradients of attention([B, H, L, E], [B, Hk, S, E], [B, Hk, S, Ev]): see ``attention_backward``."""
    return _by_heads_backward(query, key, value, masked=is_causal)


@formula("aten::_scaled_dot_product_flash_attention_for_cpu_backward", kind="gradient")
def flash_attention_for_cpu_backward(
    query: Size, key: Size, value: Size, is_causal: bool, *, attn_mask: Any = None
) -> Ops:
    """dq, dk, dv = gradients of attention([B, H, L, E], [B, Hk, S, E], [B, Hk, S, Ev]): see ``attention_backward``."""
    return _by_heads_backward(query, key, value, masked=is_causal or attn_mask is not None)


@formula("aten::_scaled_dot_product_efficient_attention_backward", kind="gradient")
@formula("aten::_scaled_dot_product_fused_attention_overrideable_backward", kind="gradient")
def efficient_attention_backward(query: Size, key: Size, value: Size, attn_bias: Any) -> Ops:
    """dq, dk, dv = gradients of attention([B, H, L, E], [B, Hk, S, E], [B, Hk, S, Ev]); a bias is a mask."""
    return _by_heads_backward(query, key, value, masked=attn_bias is not None)


@formula("aten::_scaled_dot_product_cudnn_attention_backward", kind="gradient")
@formula("aten::_cudnn_attention_backward", kind="gradient")
def cudnn_attention_backward(query: Size, key: Size, value: Size, attn_bias: Any) -> Ops:
    """dq, dk, dv = gradients of attention([B, H, L, E], [B, Hk, S, E], [B, Hk, S, Ev]); a bias is a mask."""
    return _by_heads_backward(query, key, value, masked=attn_bias is not None)


def _by_positions_backward(
    query: Size, key: Size, value: Size, longest_key: int, *, packed: bool, masked: bool
) -> Ops:
    heads, depth = query[-2:]
    if not packed:
        return attention_backward(
            query[0], heads, query[1], key[1], depth, value[-1], masked=masked
        )
    return attention_backward(
        1, heads, prod(query[:-2]), longest_key, depth, value[-1], masked=masked
    )


@formula("aten::_flash_attention_backward", kind="gradient")
def flash_attention_backward_by_positions(
    query: Size, key: Size, value: Size, max_k: int, is_causal: bool
) -> Ops:
    """dq, dk, dv = gradients of attention([B, L, H, E], [B, S, Hk, E], [B, S, Hk, E]); packed [total, H, E] as in the forward."""
    packed = len(query) == 3
    return _by_positions_backward(query, key, value, max_k, packed=packed, masked=is_causal)


@formula("aten::_efficient_attention_backward", kind="gradient")
def efficient_attention_backward_by_positions(
    query: Size,
    key: Size,
    value: Size,
    bias: Any,
    cu_seqlens_q: Any,
    max_seqlen_k: int,
    custom_mask_type: int,
) -> Ops:
    """dq, dk, dv = gradients of attention([B, L, H, E], [B, S, H, E], [B, S, H, Ev]); packed as in the forward."""
    masked = bias is not None or custom_mask_type != 0
    return _by_positions_backward(
        query, key, value, max_seqlen_k, packed=cu_seqlens_q is not None, masked=masked
    )

"""Gradients of scaled dot-product attention, as the fused op of each backend computes them."""

from __future__ import annotations

from math import prod

from torch import Size

from ...core.ops import Ops
from ..arithmetic import matmul
from ..builtin import formula, repeats


def attention_backward(
    batch: int, heads: int, queries: int, keys: int, depth: int, depth_v: int, *, masked: bool
) -> Ops:
    """dq, dk, dv = gradients of attention in a fused kernel: five products.

    The products are the scores q k^T, dV = P^T dO, dP = dO V^T, dQ = dS K and dK = dS^T Q. The
    kernel computes the scores again. Ops of torch that are not fused keep P: four products.

    Per score: the log-sum-exp subtracted, an exp for P, dS = P (dP - delta), and the mask. Per
    query: delta, the sum of dO times O. In addition q, k, dQ and dK are scaled.
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
    """dq, dk, dv = gradients of attention([B, H, L, E], [B, Hk, S, E], [B, Hk, S, Ev]).

    See ``attention_backward``.
    """
    return _by_heads_backward(query, key, value, masked=is_causal)


@formula("aten::_scaled_dot_product_flash_attention_for_cpu_backward", kind="gradient")
def flash_attention_for_cpu_backward(
    query: Size, key: Size, value: Size, is_causal: bool, *, attn_mask: Size | None = None
) -> Ops:
    """dq, dk, dv = gradients of attention([B, H, L, E], [B, Hk, S, E], [B, Hk, S, Ev]).

    See ``attention_backward``.
    """
    return _by_heads_backward(query, key, value, masked=is_causal or attn_mask is not None)


@formula("aten::_scaled_dot_product_efficient_attention_backward", kind="gradient")
@formula("aten::_scaled_dot_product_fused_attention_overrideable_backward", kind="gradient")
def efficient_attention_backward(
    query: Size, key: Size, value: Size, attn_bias: Size | None
) -> Ops:
    """dq, dk, dv = gradients of attention([B, H, L, E], [B, Hk, S, E], [B, Hk, S, Ev]).

    A bias costs as much as a mask. See ``attention_backward``.
    """
    return _by_heads_backward(query, key, value, masked=attn_bias is not None)


@formula("aten::_scaled_dot_product_cudnn_attention_backward", kind="gradient")
@formula("aten::_cudnn_attention_backward", kind="gradient")
def cudnn_attention_backward(query: Size, key: Size, value: Size, attn_bias: Size | None) -> Ops:
    """dq, dk, dv = gradients of attention([B, H, L, E], [B, Hk, S, E], [B, Hk, S, Ev]).

    A bias costs as much as a mask. See ``attention_backward``.
    """
    return _by_heads_backward(query, key, value, masked=attn_bias is not None)


def by_positions_backward(
    query: Size, key: Size, value: Size, longest_key: int, *, packed: bool, masked: bool
) -> Ops:
    """As ``attention_backward``, for tensors that have positions before heads."""
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
    """dq, dk, dv = gradients of attention([B, L, H, E], [B, S, Hk, E], [B, S, Hk, E]).

    Packed sequences are [total L, H, E], as in the forward.
    """
    packed = len(query) == 3
    return by_positions_backward(query, key, value, max_k, packed=packed, masked=is_causal)


@formula("aten::_efficient_attention_backward", kind="gradient")
def efficient_attention_backward_by_positions(
    query: Size,
    key: Size,
    value: Size,
    bias: Size | None,
    cu_seqlens_q: Size | None,
    max_seqlen_k: int,
    custom_mask_type: int,
) -> Ops:
    """dq, dk, dv = gradients of attention([B, L, H, E], [B, S, H, E], [B, S, H, Ev]).

    Packed sequences are [1, total L, H, E], as in the forward. A bias costs as much as a mask.
    """
    masked = bias is not None or custom_mask_type != 0
    return by_positions_backward(
        query, key, value, max_seqlen_k, packed=cu_seqlens_q is not None, masked=masked
    )


@repeats(
    "aten::_scaled_dot_product_flash_attention_backward",
    "aten::_scaled_dot_product_flash_attention_for_cpu_backward",
    "aten::_scaled_dot_product_efficient_attention_backward",
    "aten::_scaled_dot_product_fused_attention_overrideable_backward",
    "aten::_scaled_dot_product_cudnn_attention_backward",
    "aten::_cudnn_attention_backward",
)
def scores_by_heads(query: Size, key: Size) -> Ops:
    """[B, H, L, S] = q k^T: the scores, which the forward did not keep."""
    return matmul(query[-2], query[-1], key[-2], prod(query[:-2]))


@repeats("aten::_flash_attention_backward")
def scores_by_positions(query: Size, key: Size, max_k: int) -> Ops:
    """[B, H, L, S] = q k^T. Packed sequences are [total L, H, E], as in the forward."""
    keys = max_k if len(query) == 3 else key[1]
    return matmul(1, query[-1], keys, prod(query[:-1]))


@repeats("aten::_efficient_attention_backward")
def scores_of_efficient_attention(
    query: Size, key: Size, cu_seqlens_q: Size | None, max_seqlen_k: int
) -> Ops:
    """[B, H, L, S] = q k^T. Packed sequences are [1, total L, H, E], as in the forward."""
    keys = key[1] if cu_seqlens_q is None else max_seqlen_k
    return matmul(1, query[-1], keys, prod(query[:-1]))

"""Scaled dot-product attention: the fused ops of each backend.

All are priced by ``arithmetic.attention``. So a fused op costs exactly as much as the separate ops
that torch falls back to: scale q, scale k, product, mask, softmax, product.

The full square of scores is counted, although a causal mask or a window makes part of the work
useless. Grouped-query attention repeats keys and values for the query heads, so query heads are
counted.

In the equations B is the batch, H are the query heads and Hk the key heads, L the queries and
S the keys. E is the depth of queries and keys, Ev of values. Packed means that sequences of
different lengths lie one after the other, in a single tensor.
"""

from __future__ import annotations

from math import prod

from torch import Size

from ..core.ops import Ops
from . import arithmetic
from .builtin import formula


def dropout_on_scores(scores: int, probability: float) -> Ops:
    """[scores] = weights * (mask / (1 - p)): a division and a mul per score; nothing if p is 0."""
    return Ops(muls=scores, specials=scores) if probability > 0 else Ops()


def by_heads(query: Size, key: Size, value: Size, dropout_p: float = 0.0, *, masked: bool) -> Ops:
    """[*, H, L, Ev] = attention([*, H, L, E], [*, Hk, S, E], [*, Hk, S, Ev]), and its dropout."""
    heads, queries, depth = query[-3:]
    keys, batch = key[-2], prod(query[:-3])
    ops = arithmetic.attention(batch, heads, queries, keys, depth, value[-1], masked=masked)
    return ops + dropout_on_scores(batch * heads * queries * keys, dropout_p)


@formula("aten::_scaled_dot_product_flash_attention", kind="attention")
def flash_attention(
    query: Size, key: Size, value: Size, dropout_p: float = 0.0, is_causal: bool = False
) -> Ops:
    """[B, H, L, Ev] = attention([B, H, L, E], [B, Hk, S, E], [B, Hk, S, Ev])."""
    return by_heads(query, key, value, dropout_p, masked=is_causal)


@formula("aten::_scaled_dot_product_flash_attention.quantized", kind="attention")
def quantized_flash_attention(
    query: Size, key: Size, value: Size, dropout_p: float = 0.0, is_causal: bool = False
) -> Ops:
    """[B, H, L, Ev] = attention([B, H, L, E], [B, Hk, S, E], [B, Hk, S, Ev]).

    The descale factors are folded into the scale of q and k: not counted.
    """
    return by_heads(query, key, value, dropout_p, masked=is_causal)


@formula("aten::_scaled_dot_product_flash_attention_for_cpu", kind="attention")
def flash_attention_for_cpu(
    query: Size,
    key: Size,
    value: Size,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    attn_mask: Size | None = None,
) -> Ops:
    """[B, H, L, Ev] = attention([B, H, L, E], [B, Hk, S, E], [B, Hk, S, Ev])."""
    return by_heads(query, key, value, dropout_p, masked=is_causal or attn_mask is not None)


@formula("aten::_scaled_dot_product_efficient_attention", kind="attention")
@formula("aten::_scaled_dot_product_cudnn_attention", kind="attention")
def biased_attention(
    query: Size,
    key: Size,
    value: Size,
    attn_bias: Size | None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
) -> Ops:
    """[B, H, L, Ev] = attention([B, H, L, E], [B, Hk, S, E], [B, Hk, S, Ev])."""
    return by_heads(query, key, value, dropout_p, masked=is_causal or attn_bias is not None)


@formula("aten::_scaled_dot_product_fused_attention_overrideable", kind="attention")
@formula("aten::_scaled_dot_product_attention_math_for_mps", kind="attention")
def overrideable_attention(
    query: Size,
    key: Size,
    value: Size,
    attn_bias: Size | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
) -> Ops:
    """[B, H, L, Ev] = attention([B, H, L, E], [B, Hk, S, E], [B, Hk, S, Ev])."""
    return by_heads(query, key, value, dropout_p, masked=is_causal or attn_bias is not None)


@formula("aten::_triton_scaled_dot_attention", kind="attention")
def triton_attention(q: Size, k: Size, v: Size, dropout_p: float = 0.0) -> Ops:
    """[B, H, L, Ev] = attention([B, H, L, E], [B, H, S, E], [B, H, S, Ev])."""
    return by_heads(q, k, v, dropout_p, masked=False)


@formula("higher_order::flex_attention", kind="attention")
def flex_attention(query: Size, key: Size, value: Size) -> Ops:
    """[B, H, L, Ev] = attention([B, H, L, E], [B, Hk, S, E], [B, Hk, S, Ev]).

    The full square of scores is counted, whatever the block mask leaves out. The function
    ``score_mod`` is no op: its work per score is not counted.
    """
    return by_heads(query, key, value, masked=False)


def by_positions(
    query: Size,
    key: Size,
    value: Size,
    longest_key: int | None,
    dropout_p: float,
    *,
    packed: bool,
    masked: bool,
) -> Ops:
    """[B, L, H, Ev] = attention([B, L, H, E], [B, S, Hk, E], [B, S, Hk, Ev]), or packed.

    Packed: [total L, H, Ev] = attention([total L, H, E], [total S, Hk, E], [total S, Hk, Ev]).
    Shapes then show only the total length and the longest sequence. Each query is counted with as
    many keys as the longest sequence has. This is an upper bound, and exact if all sequences have
    one length. Each key is scaled once.
    """
    heads, depth = query[-2:]
    queries = prod(query[:-2])
    if not packed:
        ops = arithmetic.attention(
            query[0], heads, query[1], key[1], depth, value[-1], masked=masked
        )
        return ops + dropout_on_scores(heads * queries * key[1], dropout_p)
    keys = longest_key if longest_key else prod(key[:-2])
    ops = arithmetic.attention(1, heads, queries, keys, depth, value[-1], masked=masked)
    ops = ops + Ops(muls=heads * max(prod(key[:-2]) - keys, 0) * depth)
    return ops + dropout_on_scores(heads * queries * keys, dropout_p)


@formula("aten::_flash_attention_forward", kind="attention")
def flash_attention_forward(
    query: Size,
    key: Size,
    value: Size,
    cum_seq_q: Size | None,
    max_k: int,
    dropout_p: float,
    is_causal: bool,
) -> Ops:
    """[B, L, H, E] = attention([B, L, H, E], [B, S, Hk, E], [B, S, Hk, E]).

    With ``cum_seq_q`` packed: [total L, H, E]. See ``by_positions``.
    """
    return by_positions(
        query, key, value, max_k, dropout_p, packed=cum_seq_q is not None, masked=is_causal
    )


@formula("aten::_flash_attention_forward_no_dropout_inplace", kind="attention")
def flash_attention_forward_into(
    query: Size,
    key: Size,
    value: Size,
    cum_seq_q: Size | None,
    max_k: int,
    dropout_p: float,
    is_causal: bool,
) -> Ops:
    """[B, L, H, E] = attention([B, L, H, E], [B, S, Hk, E], [B, S, Hk, E]).

    With ``cum_seq_q`` packed: [total L, H, E]. See ``by_positions``.
    """
    return by_positions(
        query, key, value, max_k, dropout_p, packed=cum_seq_q is not None, masked=is_causal
    )


@formula("aten::_efficient_attention_forward", kind="attention")
def efficient_attention_forward(
    query: Size,
    key: Size,
    value: Size,
    bias: Size | None,
    cu_seqlens_q: Size | None,
    max_seqlen_k: int | None,
    dropout_p: float,
    custom_mask_type: int,
) -> Ops:
    """[B, L, H, Ev] = attention([B, L, H, E], [B, S, H, E], [B, S, H, Ev]).

    With ``cu_seqlens_q`` packed: [1, total L, H, Ev]. See ``by_positions``.
    """
    masked = bias is not None or custom_mask_type != 0
    return by_positions(
        query, key, value, max_seqlen_k, dropout_p, packed=cu_seqlens_q is not None, masked=masked
    )


@formula("aten::_cudnn_attention_forward", kind="attention")
def cudnn_attention_forward(
    query: Size,
    key: Size,
    value: Size,
    attn_bias: Size | None,
    cum_seq_q: Size | None,
    max_k: int,
    dropout_p: float = 0.0,
    is_causal: bool = False,
) -> Ops:
    """[B, H, L, Ev] = attention([B, H, L, E], [B, Hk, S, E], [B, Hk, S, Ev]).

    With ``cum_seq_q`` packed: [total L, H, Ev]. See ``by_positions``.
    """
    masked = is_causal or attn_bias is not None
    if cum_seq_q is None:
        return by_heads(query, key, value, dropout_p, masked=masked)
    return by_positions(query, key, value, max_k, dropout_p, packed=True, masked=masked)


@formula("aten::_cudnn_attention_forward_no_dropout_inplace", kind="attention")
def cudnn_attention_forward_into(
    *, query: Size, key: Size, value: Size, max_k: int, is_causal: bool = False
) -> Ops:
    """[total L, H, Ev] = attention([total L, H, E], [total S, Hk, E], [total S, Hk, Ev]).

    The sequences are packed: see ``by_positions``.
    """
    return by_positions(query, key, value, max_k, 0.0, packed=True, masked=is_causal)

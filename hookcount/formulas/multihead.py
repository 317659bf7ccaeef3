"""Multi-head attention: ``nn.MultiheadAttention``, and ops that run it or a whole encoder layer.

In the equations B is the batch, L are the queries, S the keys, E the embedding, H the heads.
"""

from __future__ import annotations

from math import prod

from torch import Size, nn

from ..core.ops import NOTHING, Ops
from .arithmetic import attention, bias, matmul, softmax
from .attention import dropout_on_scores
from .builtin import formula, observed
from .elementwise import gelu_figure
from .normalization import standardization


def attention_with_weights(
    batch: int, heads: int, queries: int, keys: int, depth: int, *, masked: bool, averaged: bool
) -> Ops:
    """[batch, queries, heads * depth] = softmax((q / sqrt(depth)) k^T + mask) v, and the weights.

    Here torch scales only q; in ``arithmetic.attention`` it scales q and k. Averaging the weights
    over the heads takes heads - 1 adds and a division for each.
    """
    each = batch * heads
    ops = (
        matmul(queries, depth, keys, each) * 2
        + Ops(muls=each * queries * depth)
        + softmax(each * queries, keys)
    )
    if masked:
        ops = ops + Ops(adds=each * queries * keys)
    if averaged:
        ops = ops + Ops(adds=heads - 1, specials=1) * (batch * queries * keys)
    return ops


def projections(
    rows: int, key_rows: int, embed: int, key_depth: int, value_depth: int, *, biased: bool
) -> Ops:
    """q, k, v and output projection, each to ``embed`` features, and their biases.

    The inputs are [rows, embed], [key_rows, key_depth], [key_rows, value_depth], [rows, embed].
    """
    ops = (
        matmul(rows, embed, embed) * 2
        + matmul(key_rows, key_depth, embed)
        + matmul(key_rows, value_depth, embed)
    )
    return ops + bias(2 * (rows + key_rows) * embed) if biased else ops


@formula(nn.MultiheadAttention, kind="multihead")
def multihead_attention_module(
    module: nn.MultiheadAttention,
    query: Size,
    key: Size,
    value: Size,
    key_padding_mask: Size | None = None,
    need_weights: bool = True,
    attn_mask: Size | None = None,
    average_attn_weights: bool = True,
) -> Ops:
    """[B, L, E] = multi-head attention([B, L, E], [B, S, Ek], [B, S, Ev]), batched or not.

    Four projections, and the attention of each head. ``bias_k`` and ``add_zero_attn`` add a key
    each; appending it is free. If there are two masks, torch sums them first: an add per score.
    In training mode, dropout on the weights.

    ``out_proj`` is never called as a module, so its product is counted here. In eval mode torch may
    run one fused op instead: counted as the same work.
    """
    embed, heads = module.embed_dim, module.num_heads
    batched = len(query) == 3
    axis = 1 if batched and module.batch_first else 0
    batch = query[1 - axis] if batched else 1
    queries, own_keys = query[axis], key[axis]
    ops = projections(
        batch * queries,
        batch * own_keys,
        embed,
        key[-1],
        value[-1],
        biased=module.in_proj_bias is not None,
    )
    keys = own_keys + (module.bias_k is not None) + module.add_zero_attn
    masks = (key_padding_mask is not None) + (attn_mask is not None)
    if masks == 2:
        ops = ops + Ops(adds=batch * heads * queries * keys)
    if module.training:
        ops = ops + dropout_on_scores(batch * heads * queries * keys, module.dropout)
    return ops + _heads(
        batch,
        heads,
        queries,
        keys,
        embed // heads,
        masked=masks > 0,
        weights=need_weights,
        averaged=average_attn_weights,
    )


def _heads(
    batch: int,
    heads: int,
    queries: int,
    keys: int,
    depth: int,
    *,
    masked: bool,
    weights: bool,
    averaged: bool,
) -> Ops:
    """[batch, queries, heads * depth] = attention, with its weights or (cheaper) without."""
    if weights:
        return attention_with_weights(
            batch, heads, queries, keys, depth, masked=masked, averaged=averaged
        )
    return attention(batch, heads, queries, keys, depth, depth, masked=masked)


@formula("aten::_native_multi_head_attention", kind="multihead")
def native_multi_head_attention(
    query: Size,
    key: Size,
    embed_dim: int,
    num_head: int,
    mask: Size | None = None,
    need_weights: bool = True,
    average_attn_weights: bool = True,
) -> Ops:
    """[B, L, E] = multi-head attention([B, L, E], [B, S, E], [B, S, E]).

    It costs as much as ``nn.MultiheadAttention``.
    """
    batch, queries = query[:2]
    depth = embed_dim // num_head
    ops = projections(batch * queries, batch * key[1], embed_dim, embed_dim, embed_dim, biased=True)
    return ops + _heads(
        batch,
        num_head,
        queries,
        key[1],
        depth,
        masked=mask is not None,
        weights=need_weights,
        averaged=average_attn_weights,
    )


@formula("aten::_triton_multi_head_attention", kind="multihead")
def triton_multi_head_attention(
    query: Size, key: Size, embed_dim: int, num_head: int, mask: Size | None = None
) -> Ops:
    """[B, L, E] = multi-head attention([B, L, E], [B, S, E], [B, S, E]), without its weights."""
    return native_multi_head_attention(query, key, embed_dim, num_head, mask, False)


@formula("aten::_transform_bias_rescale_qkv", kind="multihead")
def transform_bias_rescale_qkv(qkv: Size) -> Ops:
    """q, k, v of [B, H, L, E / H] each = [B, L, 3 E] + [3 E], and q / sqrt(E / H).

    An add per element, and a mul per element of q.
    """
    return Ops(adds=prod(qkv), muls=prod(qkv) // 3)


@formula("aten::_transformer_encoder_layer_fwd", kind="multihead")
def transformer_encoder_layer(
    src: Size,
    embed_dim: int,
    num_heads: int,
    use_gelu: bool,
    norm_weight_1: Size | None,
    norm_bias_1: Size | None,
    ffn_weight_1: Size,
    ffn_bias_1: Size | None,
    mask: Size | None = None,
) -> Ops:
    """[B, L, E] = encoder layer([B, L, E]): as much as its parts cost as separate ops.

    Attention without weights, two layer norms, two residual sums, two linear layers, and the
    activation between them.
    """
    rows, inner = prod(src[:-1]), ffn_weight_1[0]
    batch = src[0] if len(src) == 3 else 1
    length = rows // batch if batch else 0
    ops = projections(rows, rows, embed_dim, embed_dim, embed_dim, biased=True)
    ops = ops + _heads(
        batch,
        num_heads,
        length,
        length,
        embed_dim // num_heads,
        masked=mask is not None,
        weights=False,
        averaged=False,
    )
    norm = standardization(
        rows, embed_dim, weighted=norm_weight_1 is not None, biased=norm_bias_1 is not None
    )
    feed = matmul(rows, embed_dim, inner) * 2 + (
        NOTHING if ffn_bias_1 is None else bias(rows * (inner + embed_dim))
    )
    activation = (gelu_figure("none") if use_gelu else Ops(compares=1)) * (rows * inner)
    return ops + norm * 2 + feed + activation + Ops(adds=2 * rows * embed_dim)


observed(
    [
        nn.TransformerEncoderLayer,
        nn.TransformerDecoderLayer,
        nn.TransformerEncoder,
        nn.TransformerDecoder,
        nn.Transformer,
        "torch.ao.nn.quantizable.MultiheadAttention",
        "torch.ao.nn.quantizable.LSTM",
        "torch.ao.nn.quantizable.LSTMCell",
    ]
)

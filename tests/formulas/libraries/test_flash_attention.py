"""Attention ops of flash-attn and xformers: products written out, and torch's own attention of the
same operands.
"""

import pytest
import torch
import torch.nn.functional as F
from helpers.asked import ask
from helpers.standins import Calls, count, defined
from torch import nn

from hookcount import Ops

B, L, S, H, K, E, W = (
    2,
    5,
    7,
    4,
    2,
    8,
    6,
)  # samples, queries, keys, heads, of them keys', depth, depth of the values
PRODUCTS = 2 * B * H * L * S * E  # scores and weighted sum over the whole square
Q, KEYS = torch.rand(B, L, H, E), torch.rand(B, S, H, E)
PACKED_Q, PACKED_K = torch.rand(B * L, H, E), torch.rand(B * S, H, E)
STARTS = torch.arange(B + 1, dtype=torch.int32)
FLASH = (
    "(Tensor q, Tensor k, Tensor v, float dropout_p, float softmax_scale, bool causal, int "
    "window_size_left, "
    "int window_size_right, float softcap, Tensor? alibi_slopes, bool return_softmax) -> "
    "(Tensor, Tensor, Tensor, Tensor)"
)
VARLEN = (
    "(Tensor q, Tensor k, Tensor v, Tensor cu_seqlens_q, Tensor cu_seqlens_k, int max_seqlen_q, "
    "int max_seqlen_k, "
    "float dropout_p, float softmax_scale, bool causal, int window_size_left=-1, int "
    "window_size_right=-1, float softcap=0.0, "
    "Tensor? alibi_slopes=None, bool return_softmax=False, Tensor? block_table=None, Tensor? "
    "leftpad_k=None, "
    "Tensor? seqused_k=None) -> (Tensor, Tensor, Tensor, Tensor)"
)
FLASH_3 = (
    "(Tensor q, Tensor k, Tensor v, Tensor? k_new=None, Tensor? v_new=None, Tensor? q_v=None, "
    "Tensor? out=None, "
    "Tensor? cu_seqlens_q=None, Tensor? cu_seqlens_k=None, Tensor? cu_seqlens_k_new=None, "
    "Tensor? seqused_q=None, "
    "Tensor? seqused_k=None, int? max_seqlen_q=None, int? max_seqlen_k=None, Tensor? "
    "page_table=None, "
    "Tensor? kv_batch_idx=None, Tensor? leftpad_k=None, Tensor? rotary_cos=None, Tensor? "
    "rotary_sin=None, "
    "Tensor? seqlens_rotary=None, Tensor? q_descale=None, Tensor? k_descale=None, Tensor? "
    "v_descale=None, "
    "float? softmax_scale=None, bool is_causal=False, int window_size_left=-1, int "
    "window_size_right=-1, "
    "int attention_chunk=0, float softcap=0.0, bool is_rotary_interleaved=False) -> (Tensor, "
    "Tensor)"
)
CUTLASS = (
    "(Tensor query, Tensor key, Tensor value, Tensor? attn_bias, Tensor? seqstart_q, Tensor? "
    "seqstart_k, int? max_seqlen_q, "
    "float dropout_p, bool compute_logsumexp, int custom_mask_type, float? scale, Tensor? "
    "seqlen_k, int? window_size) "
    "-> (Tensor, Tensor, int, int)"
)
LATER_CUTLASS = (
    "(Tensor query, Tensor key, Tensor value, Tensor? bias, Tensor? cu_seqlens_q, Tensor? "
    "cu_seqlens_k, int? max_seqlen_q, "
    "int? max_seqlen_k, float dropout_p, int custom_mask_type, bool compute_log_sumexp=False, *, "
    "float? scale=None, "
    "Tensor? seqlen_k=None, int? window_size=None) -> (Tensor, Tensor)"
)
XFORMERS_FLASH = (
    "(Tensor query, Tensor key, Tensor value, Tensor? cu_seqlens_q, Tensor? cu_seqlens_k, "
    "Tensor? seqused_k, int max_seqlen_q, "
    "int max_seqlen_k, float p, float softmax_scale, bool is_causal, int window_left, int "
    "window_right, bool return_softmax, "
    "Tensor? block_tables) -> (Tensor, Tensor, Tensor)"
)


def like_query(outputs):
    """A stand-in of attention: the output's shape is the query's, with the values' depth."""

    def attend(query, key, value, *rest, **options):
        out = query.new_empty(*query.shape[:-1], value.shape[-1])
        return (out, *[query.new_empty(1) for _ in range(outputs - 1)])

    return attend


class Torchs(nn.Module):
    """torch's attention of the same operands."""

    def __init__(self, **options):
        super().__init__()
        self.options = options

    def forward(self, q, k, v):
        q, k, v = (each.transpose(1, 2) for each in (q, k, v))
        return F.scaled_dot_product_attention(q, k, v, **self.options)


@pytest.mark.parametrize("namespace", ["flash_attn", "flashattn"])
@pytest.mark.parametrize("causal", [False, True])
def test_flash_attention(namespace, causal):
    op = Calls(defined(f"{namespace}::_flash_attn_forward{FLASH}", like_query(4)))
    found = count(op, Q, KEYS, KEYS, 0.0, 0.5, causal, -1, -1, 0.0, None, False)
    assert found.macs == PRODUCTS
    assert found == count(Torchs(is_causal=causal), Q, KEYS, KEYS)
    assert count(
        op, Q, KEYS, KEYS, 0.0, 0.5, False, -1, -1, 0.0, torch.rand(H), False
    ) == found + Ops(adds=0 if causal else B * H * L * S)
    capped = count(op, Q, KEYS, KEYS, 0.0, 0.5, causal, -1, -1, 30.0, None, False)
    tanh = Ops(adds=2, muls=1, specials=2)
    assert capped == found + (tanh + Ops(muls=1, specials=1)) * (B * H * L * S)


def test_flash_attention_with_grouped_queries_counts_the_querys_heads():
    op = Calls(defined(f"flash_attn::_flash_attn_forward{FLASH}", like_query(4)))
    grouped = torch.rand(B, S, K, E)
    assert (
        count(op, Q, grouped, grouped, 0.0, 0.5, False, -1, -1, 0.0, None, False).macs == PRODUCTS
    )


def test_packed_flash_attention():
    op = Calls(defined(f"flash_attn::_flash_attn_varlen_forward{VARLEN}", like_query(4)))
    found = count(op, PACKED_Q, PACKED_K, PACKED_K, STARTS * L, STARTS * S, L, S, 0.0, 0.5, True)
    assert found.macs == PRODUCTS
    assert found == count(Torchs(is_causal=True), Q, KEYS, KEYS)


@pytest.mark.parametrize("name", ["fwd", "_flash_attn_forward"])
def test_flash_attention_3(name):
    op = Calls(defined(f"flash_attn_3::{name}{FLASH_3}", like_query(2)))
    values = torch.rand(B, S, H, W)
    assert count(op, Q, KEYS, values).macs == B * H * L * S * (E + W)
    assert count(op, Q, KEYS, KEYS, is_causal=True) == count(Torchs(is_causal=True), Q, KEYS, KEYS)
    packed = {
        "cu_seqlens_q": STARTS * L,
        "cu_seqlens_k": STARTS * S,
        "max_seqlen_q": L,
        "max_seqlen_k": S,
    }
    assert count(op, PACKED_Q, PACKED_K, PACKED_K, **packed).macs == PRODUCTS
    pages = torch.rand(20, 4, H, E)  # 3 pages of 4 keys for each sample
    table = torch.zeros(B, 3, dtype=torch.int32)
    assert count(op, Q, pages, pages, page_table=table).macs == 2 * B * H * L * (3 * 4) * E


def test_xformers():
    cutlass = Calls(
        defined(
            f"xformers::efficient_attention_forward_cutlass{CUTLASS}",
            lambda *args: (*like_query(2)(*args), 0, 0),
        )
    )
    values = torch.rand(B, S, H, W)
    plain = (None, None, None, None, 0.0, False, 0, None, None, None)
    assert count(cutlass, Q, KEYS, values, *plain).macs == B * H * L * S * (E + W)
    assert count(cutlass, Q, KEYS, KEYS, *plain) == count(Torchs(), Q, KEYS, KEYS)
    causal = (None, None, None, None, 0.0, False, 1, None, None, None)
    assert count(cutlass, Q, KEYS, KEYS, *causal) == count(Torchs(is_causal=True), Q, KEYS, KEYS)
    one = torch.rand(1, B * L, H, E)
    packed = (None, STARTS * L, STARTS * L, L, 0.0, False, 0, None, None, None)
    assert count(cutlass, one, one, one, *packed).macs == 2 * B * H * L * L * E
    single = torch.rand(B, L, E)  # one head, left away
    assert count(cutlass, single, single, single, *plain).macs == 2 * B * L * L * E


def test_later_xformers():
    from hookcount.formulas.libraries.flash_attention import efficient_attention

    def sized(*shape):
        return torch.Size(shape)

    q, k = sized(B, L, H, E), sized(B, S, H, E)
    found = ask(
        efficient_attention,
        q,
        k,
        k,
        None,
        None,
        None,
        None,
        None,
        0.0,
        1,
        False,
        out=None,
        scale=None,
    )
    assert found == count(Torchs(is_causal=True), Q, KEYS, KEYS)
    one, starts = sized(1, B * L, H, E), sized(B + 1)
    keys = sized(1, B * S, H, E)
    packed = ask(efficient_attention, one, keys, keys, None, starts, starts, L, S, 0.0, 0, out=None)
    assert packed.macs == PRODUCTS
    op = Calls(defined(f"xformers::efficient_attention_forward_ck{LATER_CUTLASS}", like_query(2)))
    assert count(op, Q, KEYS, KEYS, None, None, None, None, None, 0.0, 1) == found


@pytest.mark.parametrize("namespace", ["xformers_flash", "xformers_flash3"])
def test_xformers_flash(namespace):
    op = Calls(defined(f"{namespace}::flash_fwd{XFORMERS_FLASH}", like_query(3)))
    numbers = (L, S, 0.0, 0.5, True, -1, -1, False, None)
    assert count(op, Q, KEYS, KEYS, None, None, None, *numbers) == count(
        Torchs(is_causal=True), Q, KEYS, KEYS
    )
    assert (
        count(op, PACKED_Q, PACKED_K, PACKED_K, STARTS * L, STARTS * S, None, *numbers).macs
        == PRODUCTS
    )
    grouped = torch.rand(B, L, K, H // K, E)  # heads in groups
    assert (
        count(op, grouped, grouped, grouped, None, None, None, *numbers).macs
        == 2 * B * H * L * L * E
    )


FLASH_BACKWARD = (
    "(Tensor grad_out, Tensor q, Tensor k, Tensor v, Tensor out, Tensor softmax_lse, Tensor? dq, "
    "Tensor? dk, Tensor? dv, float dropout_p, float softmax_scale, bool causal, int "
    "window_size_left, int window_size_right, float softcap, Tensor? alibi_slopes, bool "
    "deterministic, Tensor? rng_state=None) -> Tensor"
)
VARLEN_BACKWARD = (
    "(Tensor grad_out, Tensor q, Tensor k, Tensor v, Tensor out, Tensor softmax_lse, Tensor? dq, "
    "Tensor? dk, Tensor? dv, Tensor cu_seqlens_q, Tensor cu_seqlens_k, int max_seqlen_q, int "
    "max_seqlen_k, float dropout_p, float softmax_scale, bool causal, int window_size_left, int "
    "window_size_right, float softcap, Tensor? alibi_slopes, bool deterministic, Tensor? "
    "rng_state=None, bool zero_tensors=False) -> Tensor"
)


def test_backward_has_five_products():
    """As torch's own fused op: the scores again, and a gradient for each operand and for them."""
    products = 5 * B * H * L * S * E
    op = defined(
        "flash_attn::_flash_attn_backward" + FLASH_BACKWARD,
        lambda grad_out, *_, **__: grad_out.clone(),
    )
    rest = None, None, None, 0.0, 1.0, False, -1, -1, 0.0, None, False
    found = count(Calls(op), Q, Q, KEYS, KEYS, Q, Q, *rest)
    assert found.macs == products
    own = "aten::_flash_attention_backward"
    none = None, None, L, S, 0.0, False, None, None
    assert found == ask(own, Q.shape, Q.shape, KEYS.shape, KEYS.shape, Q.shape, Q.shape, *none)
    op = defined(
        "flash_attn::_flash_attn_varlen_backward" + VARLEN_BACKWARD,
        lambda grad_out, *_, **__: grad_out.clone(),
    )
    rest = None, None, None, STARTS, STARTS, L, S, 0.0, 1.0, True, -1, -1, 0.0, None, False
    found = count(Calls(op), PACKED_Q, PACKED_Q, PACKED_K, PACKED_K, PACKED_Q, PACKED_Q, *rest)
    assert found.macs == products

"""Attention ops of flash-attn and xformers, by name. Layouts are [B, L, H, E] or [total L, H, E].

The second layout is that of packed sequences. All ops are priced as torch's own attention, see
``formulas/attention.py``: the full square counts, also under a causal mask or a window.

The packages register the ops with torch in these files:

- ``flash_attn/flash_attn_interface.py`` (since 2.7) and ``hopper/flash_api.cpp``;
- ``xformers/ops/fmha/flash.py`` and ``flash3.py``;
- ``xformers/csrc/attention/attention.cpp``.

Older versions of flash-attn call their kernels outside of the dispatcher, so no op is seen.
"""

from __future__ import annotations

from math import prod
from typing import Any

from torch import Size

from ...core.ops import NOTHING, Ops
from ..arithmetic import TANH
from ..attention import by_positions
from ..builtin import formula
from ..gradients.attention import by_positions_backward


def _capped(query: Size, keys: int, softcap: float | None) -> Ops:
    """cap tanh(score / cap): per score a division, a tanh and a mul, if a cap is given."""
    each = TANH + Ops(muls=1, specials=1)
    return each * (prod(query[:-1]) * keys) if softcap else NOTHING


@formula("flash_attn::_flash_attn_forward", kind="attention")
@formula("flashattn::_flash_attn_forward", kind="attention")
def flash_attn_forward(
    q: Size,
    k: Size,
    v: Size,
    dropout_p: float = 0.0,
    *,
    causal: bool = False,
    softcap: float = 0.0,
    alibi_slopes: Size | None = None,
) -> Ops:
    """[B, L, H, E] = attention([B, L, H, E], [B, S, Hk, E], [B, S, Hk, E]).

    A slope per head is added to each score, as a mask is.
    """
    masked = causal or alibi_slopes is not None
    return by_positions(q, k, v, None, dropout_p, packed=False, masked=masked) + _capped(
        q, k[1], softcap
    )


@formula("flash_attn::_flash_attn_varlen_forward", kind="attention")
@formula("flashattn::_flash_attn_varlen_forward", kind="attention")
def flash_attn_varlen_forward(
    q: Size,
    k: Size,
    v: Size,
    *,
    max_seqlen_k: int,
    dropout_p: float = 0.0,
    causal: bool = False,
    softcap: float = 0.0,
    alibi_slopes: Size | None = None,
) -> Ops:
    """[total L, H, E] = attention([total L, H, E], [total S, Hk, E], [total S, Hk, E]).

    Each query is taken to meet ``max_seqlen_k`` keys, an upper bound.
    """
    masked = causal or alibi_slopes is not None
    ops = by_positions(q, k, v, max_seqlen_k, dropout_p, packed=True, masked=masked)
    return ops + _capped(q, max_seqlen_k, softcap)


@formula("flash_attn::_flash_attn_backward", kind="gradient")
@formula("flashattn::_flash_attn_backward", kind="gradient")
def flash_attn_backward(
    q: Size, k: Size, v: Size, *, causal: bool, alibi_slopes: Size | None = None
) -> Ops:
    """dq, dk, dv = gradients of attention([B, L, H, E], [B, S, Hk, E], [B, S, Hk, E]).

    Five products: see ``gradients.attention``. A cap of the scores is not counted.
    """
    masked = causal or alibi_slopes is not None
    return by_positions_backward(q, k, v, k[1], packed=False, masked=masked)


@formula("flash_attn::_flash_attn_varlen_backward", kind="gradient")
@formula("flashattn::_flash_attn_varlen_backward", kind="gradient")
def flash_attn_varlen_backward(
    q: Size,
    k: Size,
    v: Size,
    *,
    max_seqlen_k: int,
    causal: bool,
    alibi_slopes: Size | None = None,
) -> Ops:
    """dq, dk, dv = gradients of attention([total L, H, E], [total S, Hk, E], [total S, Hk, E]).

    As ``flash_attn_backward``. Each query is taken to meet ``max_seqlen_k`` keys, an upper bound.
    """
    masked = causal or alibi_slopes is not None
    return by_positions_backward(q, k, v, max_seqlen_k, packed=True, masked=masked)


@formula("flash_attn_3::fwd", kind="attention")
@formula("flash_attn_3::_flash_attn_forward", kind="attention")
def flash_attn_3(
    q: Size,
    k: Size,
    v: Size,
    *,
    cu_seqlens_q: Size | None = None,
    max_seqlen_k: int | None = None,
    page_table: Size | None = None,
    is_causal: bool = False,
    softcap: float = 0.0,
) -> Ops:
    """[B, L, H, Ev] = attention([B, L, H, E], [B, S, Hk, E], [B, S, Hk, Ev]).

    With ``cu_seqlens_q`` packed: [total L, H, Ev]. Queries are taken to meet all keys of a cache.
    The rotation of queries by ``rotary_cos`` inside the kernel is not counted.
    """
    if page_table is not None:  # [pages, page, Hk, E]: a row of pages per sequence
        k, v = (Size((page_table[0], page_table[1] * each[1], *each[2:])) for each in (k, v))
    if cu_seqlens_q is None:
        ops = by_positions(q, k, v, None, 0.0, packed=False, masked=is_causal)
        return ops + _capped(q, k[1], softcap)
    longest = max_seqlen_k or (k[1] if len(k) == 4 else k[0])
    return by_positions(q, k, v, longest, 0.0, packed=True, masked=is_causal) + _capped(
        q, longest, softcap
    )


def _grouped(size: Size) -> Size:
    """[B, L, H, E] from the shapes of xformers: grouped [B, L, G, H, E], and one head [B, L, E]."""
    if len(size) == 3:
        return Size((*size[:2], 1, size[2]))
    return Size((*size[:-3], size[-3] * size[-2], size[-1])) if len(size) == 5 else size


def _xformers(
    query: Size,
    key: Size,
    value: Size,
    longest: int | None,
    dropout_p: float,
    *,
    packed: bool,
    masked: bool,
) -> Ops:
    """[B, L, H, Ev] = attention([B, L, H, E], [B, S, H, E], [B, S, H, Ev]).

    Packed sequences are [1, total L, H, Ev] or [total L, H, Ev].
    """
    q, k, v = (
        (query, key, value) if packed and len(query) == 3 else map(_grouped, (query, key, value))
    )
    return by_positions(q, k, v, longest, dropout_p, packed=packed, masked=masked)


@formula("xformers::efficient_attention_forward_cutlass", kind="attention")
@formula("xformers::efficient_attention_forward_ck", kind="attention")
def efficient_attention(
    query: Size,
    key: Size,
    value: Size,
    attn_bias: Size | None,
    seqstart_q: Size | None,
    seqstart_k: Size | None,
    max_seqlen_q: int | None,
    *rest: Any,
) -> Ops:
    """[B, L, H, Ev] = attention([B, L, H, E], [B, S, H, E], [B, S, H, Ev]).

    With ``seqstart_q`` packed: [1, total L, H, Ev]. The version decides what is in ``rest``:

    - the dropout, whether the log-sum is kept, and the kind of mask;
    - in later versions the longest key sequence, the dropout, and the kind of mask.

    Earlier versions do not give the longest key sequence. It is taken to be as long as the longest
    query sequence.
    """
    longest, dropout_p, mask = (
        (max_seqlen_q, rest[0], rest[2]) if isinstance(rest[0], float) else rest[:3]
    )
    masked = attn_bias is not None or bool(mask)
    return _xformers(
        query, key, value, longest, dropout_p, packed=seqstart_q is not None, masked=masked
    )


@formula("xformers::efficient_attention_forward_small_k", kind="attention")
def efficient_attention_small_k(
    query: Size, key: Size, value: Size, *, attn_bias: Size | None, p: float
) -> Ops:
    """[B, L, Ev] = attention([B, L, E], [B, S, E], [B, S, Ev])."""
    return _xformers(query, key, value, None, p, packed=False, masked=attn_bias is not None)


@formula("xformers::efficient_attention_forward_decoder", kind="attention")
@formula("xformers::efficient_attention_forward_decoder_ck", kind="attention")
def efficient_attention_decoder(query: Size, key: Size, value: Size) -> Ops:
    """[B, 1, H, E] = attention([B, 1, H, E], [B, S, H, E], [B, S, H, E]).

    All of the cache counts. Its positions beyond the sequence are masked.
    """
    return _xformers(query, key, value, None, 0.0, packed=False, masked=True)


@formula("xformers_flash::flash_fwd", kind="attention")
@formula("xformers_flash3::flash_fwd", kind="attention")
def xformers_flash(
    query: Size, key: Size, value: Size, cu_seqlens_q: Size | None, *rest: Any
) -> Ops:
    """[B, L, H, E] = attention([B, L, H, E], [B, S, Hk, E], [B, S, Hk, E]).

    With ``cu_seqlens_q`` packed: [total L, H, E]. In ``rest`` are tensors that differ by version,
    and numbers that do not. The numbers are the longest query sequence, the longest key sequence,
    the dropout, the scale, and whether the attention is causal.
    """
    _, longest, dropout_p, _, causal = [value for value in rest if isinstance(value, (int, float))][
        :5
    ]
    masked = bool(causal)
    return _xformers(
        query, key, value, int(longest), dropout_p, packed=cu_seqlens_q is not None, masked=masked
    )

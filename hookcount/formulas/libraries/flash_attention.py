"""Attention ops of flash-attn and xformers, by name. Layouts are [B, L, H, E], or packed [total L, H, E].

All are priced as torch's own attention: the full square, also under a causal mask or a window; see ``attention``. The ops are
those that the packages register with torch: in ``flash_attn/flash_attn_interface.py`` (since 2.7), ``hopper/flash_api.cpp``,
``xformers/ops/fmha/flash.py``, ``flash3.py`` and ``xformers/csrc/attention/attention.cpp``. Older versions of flash-attn call
their kernels from outside of the dispatcher, where no op is seen.
"""

from __future__ import annotations

from math import prod
from typing import Any

from torch import Size

from ...core.ops import NOTHING, Ops
from ..arithmetic import TANH
from ..attention import by_positions
from ..builtin import formula


def _capped(query: Size, keys: int, softcap: Any) -> Ops:
    """cap tanh(score / cap): a division, a tanh, a mul per score, where a cap is given."""
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
    alibi_slopes: Any = None,
) -> Ops:
    """[B, L, H, E] = attention([B, L, H, E], [B, S, Hk, E], [B, S, Hk, E]); a slope per head adds to each score, as a mask."""
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
    alibi_slopes: Any = None,
) -> Ops:
    """[total L, H, E] = attention([total L, H, E], [total S, Hk, E], [total S, Hk, E]): each query meets max_seqlen_k keys."""
    masked = causal or alibi_slopes is not None
    ops = by_positions(q, k, v, max_seqlen_k, dropout_p, packed=True, masked=masked)
    return ops + _capped(q, max_seqlen_k, softcap)


@formula("flash_attn_3::fwd", kind="attention")
@formula("flash_attn_3::_flash_attn_forward", kind="attention")
def flash_attn_3(
    q: Size,
    k: Size,
    v: Size,
    *,
    cu_seqlens_q: Any = None,
    max_seqlen_k: int | None = None,
    page_table: Any = None,
    is_causal: bool = False,
    softcap: float = 0.0,
) -> Ops:
    """[B, L, H, Ev] = attention([B, L, H, E], [B, S, Hk, E], [B, S, Hk, Ev]); with cu_seqlens_q packed: [total L, H, Ev].

    The whole of a cache is met. Turning queries by ``rotary_cos`` inside the kernel is not counted.
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
    """xformers gives grouped queries as [B, L, G, H, E], and leaves heads away where there is one: [B, L, E]."""
    if len(size) == 3:
        return Size((*size[:2], 1, size[2]))
    return Size((*size[:-3], size[-3] * size[-2], size[-1])) if len(size) == 5 else size


def _xformers(
    query: Size,
    key: Size,
    value: Size,
    longest: Any,
    dropout_p: float,
    *,
    packed: bool,
    masked: bool,
) -> Ops:
    """[B, L, H, Ev] = attention([B, L, H, E], [B, S, H, E], [B, S, H, Ev]); packed: [1, total L, H, Ev] or [total L, H, Ev]."""
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
    attn_bias: Any,
    seqstart_q: Any,
    seqstart_k: Any,
    max_seqlen_q: int | None,
    *rest: Any,
) -> Ops:
    """[B, L, H, Ev] = attention([B, L, H, E], [B, S, H, E], [B, S, H, Ev]); with seqstart packed: [1, total L, H, Ev].

    Then come the dropout, whether the log-sum is kept, and the kind of mask; in later versions the longest key sequence, the
    dropout and the kind of mask. Where that sequence is not told, the longest query sequence is taken for it.
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
    query: Size, key: Size, value: Size, *, attn_bias: Any, p: float
) -> Ops:
    """[B, L, Ev] = attention([B, L, E], [B, S, E], [B, S, Ev])."""
    return _xformers(query, key, value, None, p, packed=False, masked=attn_bias is not None)


@formula("xformers::efficient_attention_forward_decoder", kind="attention")
@formula("xformers::efficient_attention_forward_decoder_ck", kind="attention")
def efficient_attention_decoder(query: Size, key: Size, value: Size) -> Ops:
    """[B, 1, H, E] = attention([B, 1, H, E], [B, S, H, E], [B, S, H, E]): the whole of the cache, positions beyond are masked."""
    return _xformers(query, key, value, None, 0.0, packed=False, masked=True)


@formula("xformers_flash::flash_fwd", kind="attention")
@formula("xformers_flash3::flash_fwd", kind="attention")
def xformers_flash(query: Size, key: Size, value: Size, cu_seqlens_q: Any, *rest: Any) -> Ops:
    """[B, L, H, E] = attention([B, L, H, E], [B, S, Hk, E], [B, S, Hk, E]); with cu_seqlens packed: [total L, H, E].

    Then come tensors that differ by version, and numbers that do not: the longest query and key sequence, the dropout, the
    scale, whether it is causal.
    """
    _, longest, dropout_p, _, causal = [value for value in rest if isinstance(value, (int, float))][
        :5
    ]
    masked = bool(causal)
    return _xformers(
        query, key, value, longest, dropout_p, packed=cu_seqlens_q is not None, masked=masked
    )

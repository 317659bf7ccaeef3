"""The parts of ops that run a multi-head attention, or a whole encoder layer, as one op."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from ...core.nested import sequences
from ...core.ops import NOTHING, Ops
from ...core.trace import Call, sizes
from ...formulas.arithmetic import matmul
from ...formulas.multihead import projections
from ...formulas.normalization import standardization

ENCODER_LAYER = "_transformer_encoder_layer_fwd"
_FUSED_HEADS = ("_native_multi_head_attention", "_triton_multi_head_attention")


class Parts(NamedTuple):
    """The contractions of a fused op, by their purpose, and its norms."""

    projection: Ops
    attention: Ops
    feed: Ops = NOTHING
    norm: Ops = NOTHING

    @property
    def macs(self) -> int:
        """The MACs of all parts."""
        return sum(part.macs for part in self)


def fused_parts(name: str, call: Call, times: int) -> Parts | None:
    """The parts of ``times`` equal calls of a fused op. None for an op without known parts.

    ``name``: the name of the op without its namespace and overload.
    """
    found = [_parts(name, each, times * often) for each, often in sequences(call) or [(call, 1)]]
    known = [each for each in found if each is not None]
    return Parts(*map(_sum, zip(*known, strict=True))) if known else None


def _sum(parts: Sequence[Ops]) -> Ops:
    return sum(parts[1:], parts[0])


def _parts(name: str, call: Call, times: int) -> Parts | None:
    given = sizes(call.args)
    if name == ENCODER_LAYER:
        source, embed, heads = given[:3]
        norm_weight, norm_bias, first = given[10], given[11], given[14]
        norm = standardization(
            source[:-1].numel(),
            embed,
            weighted=norm_weight is not None,
            biased=norm_bias is not None,
        )
        parts = _encoder_layer(source, embed, heads, first[0])._replace(norm=norm * 2)
    elif name in _FUSED_HEADS:
        query, key, _, embed, heads = given[:5]
        parts = _heads(query, key, embed, heads)
    else:
        return None
    return Parts(*(part * times for part in parts))


def _heads(query: Sequence[int], key: Sequence[int], embed: int, heads: int) -> Parts:
    """The contractions of an attention of [B, L, E] over [B, S, E] with ``heads`` heads.

    They are the projections of q, k, v and of the result, and two products per head. One gives
    [L, S] scores, the other [L, E / heads] results.
    """
    batch, queries = query[:2]
    depth, keys = embed // heads, key[1]
    four = projections(batch * queries, batch * keys, embed, embed, embed, biased=False)
    return Parts(four, matmul(queries, depth, keys, batch * heads) * 2)


def _encoder_layer(source: torch.Size, embed: int, heads: int, inner: int) -> Parts:
    """The contractions of an encoder layer of [B, L, E], or of one sequence of [L, E].

    They are those of an attention of the source to itself, and two linear layers, E to ``inner``
    and back.
    """
    batch = source[0] if len(source) == 3 else 1
    rows = source[:-1].numel()
    itself = (batch, rows // batch if batch else 0, embed)
    return _heads(itself, itself, embed, heads)._replace(feed=matmul(rows, embed, inner) * 2)

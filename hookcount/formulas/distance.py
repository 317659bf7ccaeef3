"""Distances between vectors: every pair, or row by row."""

from __future__ import annotations

from math import prod
from typing import Any

from torch import Size, nn

from ..core.ops import Ops
from .arithmetic import matmul
from .builtin import formula, observed
from .reduction import norm_of, total


def pairwise(pairs: int, width: int, p: float) -> Ops:
    """|x - y|_p: per pair, a subtraction per element, and the norm."""
    return Ops(adds=pairs * width) + norm_of(pairs, width, p)


def euclidean(batch: int, rows1: int, rows2: int, width: int) -> Ops:
    """sqrt(max(|x|^2 + |y|^2 - 2 x y, 0)), as torch runs it: one product of [-2 x, |x|^2, 1] and [y, 1, |y|^2].

    The products are a contraction of width + 2; the doubling and the squares are a mul per element, each norm width - 1 adds.
    """
    norms = batch * (rows1 + rows2)
    ops = matmul(rows1, width + 2, rows2, batch) + total(norms, width)
    ops = ops + Ops(muls=norms * width + batch * rows1 * width)
    return ops + Ops(compares=1, specials=1) * (batch * rows1 * rows2)


@formula("aten::_euclidean_dist", kind="distance")
def euclidean_dist(x1: Size, out: Size) -> Ops:
    """[*, P, R] = dist([*, P, M], [*, R, M]): see euclidean."""
    return euclidean(prod(out[:-2]), out[-2], out[-1], x1[-1])


@formula("aten::_cdist_forward", kind="distance")
def cdist(x1: Size, x2: Size, p: float, compute_mode: int | None, out: Size) -> Ops:
    """[*, P, R] = dist([*, P, M], [*, R, M]): pair by pair, or by a product where torch does (p = 2 and over 25 rows)."""
    by_product = compute_mode == 1 or (not compute_mode and max(x1[-2], x2[-2]) > 25)
    if p == 2 and by_product:
        return euclidean(prod(out[:-2]), out[-2], out[-1], x1[-1])
    return pairwise(out.numel(), x1[-1], p)


@formula("aten::_pdist_forward", kind="distance")
def pdist(self: Size, p: float = 2.0, *, out: Size) -> Ops:
    """[N (N - 1) / 2] = dist within [N, M]: pair by pair."""
    return pairwise(out.numel(), self[-1], p)


@formula(nn.PairwiseDistance, kind="distance")
def pairwise_distance(module: Any, x1: Size, x2: Size, out: Size) -> Ops:
    """[*] = |[*, M] - [*, M] + eps|_p: an add of eps per element more."""
    width = x1[-1] if len(x1) >= len(x2) else x2[-1]
    pairs = out.numel()
    return pairwise(pairs, width, module.norm) + Ops(adds=pairs * width)


observed([nn.CosineSimilarity])

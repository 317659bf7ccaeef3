"""Distances between vectors: of all pairs, or row by row."""

from __future__ import annotations

from math import prod

from torch import Size, nn

from ..core.ops import Ops
from .arithmetic import matmul
from .builtin import formula, observed
from .reduction import norm_of, total


def pairwise(pairs: int, width: int, p: float) -> Ops:
    """[pairs] = |x - y|_p, x and y of shape [pairs, width].

    Per pair: a subtraction per element, and the norm.
    """
    return Ops(adds=pairs * width) + norm_of(pairs, width, p)


def euclidean(batch: int, rows1: int, rows2: int, width: int) -> Ops:
    """[batch, rows1, rows2] = sqrt(max(|x|^2 + |y|^2 - 2 x y, 0)).

    torch runs this as one matrix product, of [-2 x, |x|^2, 1] and [y, 1, |y|^2]. The product is a
    contraction over width + 2. The doubling and the squares are a mul per element. Each norm takes
    width - 1 adds, each distance a compare and a root.
    """
    norms = batch * (rows1 + rows2)
    ops = matmul(rows1, width + 2, rows2, batch) + total(norms, width)
    ops = ops + Ops(muls=norms * width + batch * rows1 * width)
    return ops + Ops(compares=1, specials=1) * (batch * rows1 * rows2)


@formula("aten::_euclidean_dist", kind="distance")
def euclidean_dist(x1: Size, out: Size) -> Ops:
    """[*, P, R] = dist([*, P, M], [*, R, M]): see ``euclidean``."""
    return euclidean(prod(out[:-2]), out[-2], out[-1], x1[-1])


@formula("aten::_cdist_forward", kind="distance")
def cdist(x1: Size, x2: Size, p: float, compute_mode: int | None, out: Size) -> Ops:
    """[*, P, R] = dist([*, P, M], [*, R, M]): pair by pair.

    For p = 2 torch uses a matrix product if either side has over 25 rows, or if ``compute_mode``
    says so. ``euclidean`` prices that product.
    """
    by_product = compute_mode == 1 or (not compute_mode and max(x1[-2], x2[-2]) > 25)
    if p == 2 and by_product:
        return euclidean(prod(out[:-2]), out[-2], out[-1], x1[-1])
    return pairwise(out.numel(), x1[-1], p)


@formula("aten::_pdist_forward", kind="distance")
def pdist(self: Size, p: float = 2.0, *, out: Size) -> Ops:
    """[N (N - 1) / 2] = pdist([N, M]): the distance of each pair of rows."""
    return pairwise(out.numel(), self[-1], p)


@formula(nn.PairwiseDistance, kind="distance")
def pairwise_distance(module: nn.PairwiseDistance, x1: Size, x2: Size, out: Size) -> Ops:
    """[*] = |[*, M] - [*, M] + eps|_p: as ``pairwise``, and an add of eps per element."""
    width = x1[-1] if len(x1) >= len(x2) else x2[-1]
    pairs = out.numel()
    return pairwise(pairs, width, module.norm) + Ops(adds=pairs * width)


observed([nn.CosineSimilarity])

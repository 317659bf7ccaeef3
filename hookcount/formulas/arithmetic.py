"""The arithmetic that several formulas share: ints in, ``Ops`` out, each written once."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from ..core.ops import Ops

SIGMOID = Ops(adds=2, specials=2)
"""1 / (1 + exp(-x)): negate, exp, add, divide."""

TANH = Ops(adds=2, muls=1, specials=2)
"""1 - 2 / (exp(2x) + 1): double, exp, add, divide, subtract."""


def matmul(rows: int, inner: int, columns: int, batch: int = 1) -> Ops:
    """[batch, rows, columns] = [batch, rows, inner] @ [batch, inner, columns]: a dot product of length inner per output."""
    return Ops(macs=batch * rows * inner * columns)


def bias(outputs: int) -> Ops:
    """One add per output."""
    return Ops(adds=outputs)


def convolution(
    input: Sequence[int], weight: Sequence[int], out: Sequence[int], *, transposed: bool = False
) -> Ops:
    """[N, Co, *O] = conv([N, Ci, *I], [Co, Ci/g, *K]); transposed: [N, Co, *O] = convT([N, Ci, *I], [Ci, Co/g, *K]).

    Forward: each output is a dot product of length Ci/g * prod(K): numel(out) * Ci/g * prod(K).
    Transposed: each *input* is scattered into Co/g * prod(K) products, whatever the stride: numel(input) * Co/g * prod(K).
    Windows that reach into the padding are counted whole, as every published table does. The bias is not in here.
    """
    per_position = prod(weight[1:])
    return Ops(macs=prod(input if transposed else out) * per_position)


def softmax(rows: int, n: int) -> Ops:
    """exp(x - max x) / sum(exp(x - max x)) over rows of n: n - 1 compares, n subtractions, n exps, n - 1 adds, n divisions."""
    if n == 0:
        return Ops()
    return Ops(adds=n + n - 1, compares=n - 1, specials=n + n) * rows


def log_softmax(rows: int, n: int) -> Ops:
    """(x - max x) - log(sum(exp(x - max x))): n - 1 compares, n subtractions, n exps, n - 1 adds, a log, n subtractions."""
    if n == 0:
        return Ops()
    return Ops(adds=n + n - 1 + n, compares=n - 1, specials=n + 1) * rows


def attention(
    batch: int, heads: int, queries: int, keys: int, depth: int, depth_v: int, *, masked: bool
) -> Ops:
    """[batch, heads, queries, depth_v] = softmax(q k^T / sqrt(depth) + mask) v, per batch and head.

    Scores and weighted sum are contractions; sqrt of the scale goes onto q and k, each (torch's own stable form);
    a mask, also a causal one, is one add per score. A causal mask halves the *useful* work, not the counted work:
    the full square is counted. ``heads`` are the query's: grouped-query attention repeats keys and values, which is free.
    """
    each = batch * heads
    scores = each * queries * keys
    ops = matmul(queries, depth, keys, each) + matmul(queries, keys, depth_v, each)
    # the keys are scaled after they are repeated for the query's heads
    ops = ops + Ops(muls=each * (queries + keys) * depth) + softmax(each * queries, keys)
    return ops + Ops(adds=scores) if masked else ops

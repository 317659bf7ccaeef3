"""Arithmetic that several formulas share, each piece written once: ints in, ``Ops`` out.

The types that recur in their signatures are here too.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Size

from ..core.ops import Ops

Outputs = Size | tuple[Size, ...]
"""The result of a call: the shape of its one output, or the shapes of several."""

Scalar = complex
"""A number that an op takes, ATen's ``Scalar``: an int, a float or a complex number."""

Operand = Size | Scalar
"""An operand of an element-wise op: a tensor's shape, or a number."""

SIGMOID = Ops(adds=2, specials=2)
"""1 / (1 + exp(-x)): a negation, an exp, an add, a division."""

TANH = Ops(adds=2, muls=1, specials=2)
"""1 - 2 / (exp(2x) + 1): a mul, an exp, an add, a division, a subtraction."""


def first(out: Outputs) -> Size:
    """The shape of the first output of a call that may have several."""
    return out if isinstance(out, Size) else out[0]


def matmul(rows: int, inner: int, columns: int, batch: int = 1) -> Ops:
    """[batch, rows, columns] = [batch, rows, inner] @ [batch, inner, columns].

    Each output is a dot product of length ``inner``.
    """
    return Ops(macs=batch * rows * inner * columns)


def bias(outputs: int) -> Ops:
    """[*] = [*] + bias: one add per output."""
    return Ops(adds=outputs)


def convolution(
    input: Sequence[int], weight: Sequence[int], out: Sequence[int], *, transposed: bool = False
) -> Ops:
    """[N, Co, *O] = conv([N, Ci, *I], [Co, Ci/g, *K]), or convT([N, Ci, *I], [Ci, Co/g, *K]).

    conv: numel(out) * Ci/g * prod(K) macs, since each output is a dot product of that length.
    convT (``transposed``): numel(input) * Co/g * prod(K) macs. Each *input* is multiplied by
    Co/g * prod(K) weights, whatever the stride.
    Windows that reach into the padding are counted whole, as in all published tables.
    The bias is not included.
    """
    per_position = prod(weight[1:])
    return Ops(macs=prod(input if transposed else out) * per_position)


def softmax(rows: int, n: int) -> Ops:
    """[rows, n] = exp(x - max x) / sum(exp(x - max x)), x of shape [rows, n].

    Per row: n - 1 compares, n subtractions, n exps, n - 1 adds, n divisions.
    """
    if n == 0:
        return Ops()
    return Ops(adds=n + n - 1, compares=n - 1, specials=n + n) * rows


def log_softmax(rows: int, n: int) -> Ops:
    """[rows, n] = (x - max x) - log(sum(exp(x - max x))), x of shape [rows, n].

    Per row: n - 1 compares, n subtractions, n exps, n - 1 adds, a log, n subtractions.
    """
    if n == 0:
        return Ops()
    return Ops(adds=n + n - 1 + n, compares=n - 1, specials=n + 1) * rows


def attention(
    batch: int, heads: int, queries: int, keys: int, depth: int, depth_v: int, *, masked: bool
) -> Ops:
    """[batch, heads, queries, depth_v] = softmax(q k^T / sqrt(depth) + mask) v.

    q is [batch, heads, queries, depth], k [.., keys, depth], v [.., keys, depth_v].
    Two contractions give the scores and the weighted sums. q and k are each multiplied by the root
    of the scale, as torch does for numerical stability. A mask, also a causal one, is one add per
    score.

    A causal mask halves the *useful* work, but the full square of scores is counted. ``heads`` is
    the number of query heads. Grouped-query attention repeats keys and values, which is free.
    """
    each = batch * heads
    scores = each * queries * keys
    ops = matmul(queries, depth, keys, each) + matmul(queries, keys, depth_v, each)
    # torch scales the keys after it has repeated them for the query heads
    ops = ops + Ops(muls=each * (queries + keys) * depth) + softmax(each * queries, keys)
    return ops + Ops(adds=scores) if masked else ops

"""The costs of larger works, written out by hand."""

from hookcount import Ops


def attention(batch, heads, queries, keys, depth, depth_v, masked=False):
    """softmax(q k^T) v per head: both products, scaled q and k, the softmax and the mask.

    A softmax over a row of n is n - 1 compares, n - 1 adds, n subtractions, n exps and n divisions.
    """
    rows = batch * heads * queries
    ops = Ops(macs=rows * keys * (depth + depth_v), muls=batch * heads * (queries + keys) * depth)
    ops = ops + Ops(compares=keys - 1, adds=keys + keys - 1, specials=keys + keys) * rows
    return ops + Ops(adds=rows * keys) if masked else ops

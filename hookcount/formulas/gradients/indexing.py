"""Gradients of lookups, segments, padding and windows: what was copied is added back."""

from __future__ import annotations

from torch import Size

from ...core.ops import NOTHING, Ops
from ..arithmetic import matmul
from ..builtin import formula


@formula("aten::embedding_dense_backward", kind="gradient")
def embedding_dense_backward(grad_output: Size) -> Ops:
    """[n, d] = sum of [*, d] by index: an add per element of the incoming gradient."""
    return Ops(adds=grad_output.numel())


def bags_backward(
    bags: int, looked_up: int, width: int, mode: int, *, scales: int, sparse: bool
) -> Ops:
    """[n, width] = gradient of ``indexing.bags``: that of each bag, added to its rows.

    An add per row that was looked up and column. For a mean (mode 1) each bag's gradient is divided
    once per column. Each of the ``scales`` is a mul per row and column. For a max (mode 2) each
    value is added at the one row that it came from. A ``sparse`` gradient is not added up.
    """
    values = looked_up * width
    if mode == 2:
        return Ops(adds=bags * width)
    divisions = bags * width if mode == 1 else 0
    return Ops(adds=0 if sparse else values, muls=scales * values, specials=divisions)


@formula("aten::_embedding_bag_backward", kind="gradient")
def embedding_bag_backward(
    grad: Size,
    indices: Size,
    scale_grad_by_freq: bool,
    mode: int,
    sparse: bool,
    per_sample_weights: Size | None,
) -> Ops:
    """[n, d] = gradient of bags of [k, d]: see ``bags_backward``.

    It is scaled by weights, and by the frequency of each index.
    """
    scales = (per_sample_weights is not None) + scale_grad_by_freq
    return bags_backward(grad[0], indices.numel(), grad[-1], mode, scales=scales, sparse=sparse)


@formula("aten::_embedding_bag_dense_backward", kind="gradient")
def embedding_bag_dense_backward(
    grad: Size,
    indices: Size,
    scale_grad_by_freq: bool,
    mode: int,
    per_sample_weights: Size | None,
) -> Ops:
    """[n, d] = gradient of bags of [k, d]: as ``embedding_bag_backward``, not sparse."""
    return embedding_bag_backward(
        grad, indices, scale_grad_by_freq, mode, False, per_sample_weights
    )


@formula("aten::_embedding_bag_per_sample_weights_backward", kind="gradient")
def embedding_bag_weights_backward(grad: Size, indices: Size) -> Ops:
    """[k] = the rows [k, d] times the gradients [k, d] of their bags: a dot product of d each."""
    return matmul(indices.numel(), grad[-1], 1)


@formula("aten::_segment_reduce_backward", kind="gradient")
def segment_reduce_backward(output: Size, data: Size, reduce: str) -> Ops:
    """[n, *] = gradient of reduce(segments of [n, *]).

    sum: copies, free. mean: a division per result. prod: g y / x, which is a test, a mul and a
    division per element. max and min: a test per element, and a division per result, as equal
    elements share the gradient.
    """
    elements, results = data.numel(), output.numel()
    if reduce == "sum":
        return NOTHING
    if reduce == "mean":
        return Ops(specials=results)
    if reduce == "prod":
        return Ops(muls=1, compares=1, specials=1) * elements
    return Ops(compares=elements, specials=results)


@formula("aten::reflection_pad1d_backward", kind="gradient")
@formula("aten::reflection_pad2d_backward", kind="gradient")
@formula("aten::reflection_pad3d_backward", kind="gradient")
@formula("aten::replication_pad1d_backward", kind="gradient")
@formula("aten::replication_pad2d_backward", kind="gradient")
@formula("aten::replication_pad3d_backward", kind="gradient")
@formula("aten::unfold_backward", kind="gradient")
def added_back(grad: Size) -> Ops:
    """[*] = for each element the sum of its copies' gradients: an add per incoming element."""
    return Ops(adds=grad.numel())

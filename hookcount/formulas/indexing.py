"""Ops that write or gather by index *and* compute.

Only the operations that combine values are counted. Pure gathers and scatters are in ``free``.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Size

from ..core.ops import NOTHING, Ops
from .arithmetic import Scalar
from .builtin import formula
from .elementwise import ADD, COMPARE, MUL
from .reduction import norm_of

REDUCTIONS: dict[str, Ops] = {
    "sum": ADD,
    "add": ADD,
    "mean": ADD,
    "prod": MUL,
    "multiply": MUL,
    "amax": COMPARE,
    "amin": COMPARE,
    "max": COMPARE,
    "min": COMPARE,
}
"""By the names that ops use: the cost of combining one more element into a result."""


def joined(reduce: str | None, elements: int, results: int) -> Ops:
    """[results] = reduce([results], [elements]): an add, mul or compare for each of ``elements``.

    A mean also divides each result. Nothing is counted if ``reduce`` is None.
    """
    if reduce is None:
        return NOTHING
    return REDUCTIONS[reduce] * elements + Ops(specials=results if reduce == "mean" else 0)


@formula("aten::index_add", kind="indexing")
def index_add(source: Size, *, alpha: Scalar = 1) -> Ops:
    """[*, n] = [*, n] with alpha [*, k] added at index.

    An add per element of ``source``, and a mul if alpha is neither 1 nor -1.
    """
    return Ops(adds=1, muls=int(alpha not in (1, -1))) * source.numel()


@formula("aten::scatter_add", kind="indexing")
def scatter_add(index: Size) -> Ops:
    """[*] = [*] with [*] added at index: an add per index."""
    return Ops(adds=index.numel())


@formula("aten::scatter", kind="indexing")
def scatter(index: Size, *, reduce: str | None = None) -> Ops:
    """[*] = [*] with [*] put at index: free, but with ``reduce`` an add or a mul per index."""
    return joined(reduce, index.numel(), 0)


@formula("aten::scatter_reduce", kind="indexing")
def scatter_reduce(index: Size, reduce: str, out: Size) -> Ops:
    """[*] = [*] combined with [*] at index: an add, mul or compare per index.

    A mean also divides each result.
    """
    return joined(reduce, index.numel(), out.numel())


@formula("aten::index_reduce", kind="indexing")
def index_reduce(source: Size, reduce: str, out: Size) -> Ops:
    """[*, n] = [*, n] combined with [*, k] at index.

    An add, mul or compare per element of ``source``. A mean also divides each result.
    """
    return joined(reduce, source.numel(), out.numel())


@formula("aten::index_put", kind="indexing")
@formula("aten::_index_put_impl", kind="indexing")
@formula("aten::_unsafe_index_put", kind="indexing")
def index_put(values: Size, accumulate: bool = False) -> Ops:
    """[*] = [*] with [*] put at indices: free, but with ``accumulate`` an add per value.

    A value that is broadcast to many places is counted as one add. If an index is a mask, its shape
    does not show how many places it selects.
    """
    return Ops(adds=values.numel() if accumulate else 0)


@formula("aten::_unsafe_masked_index_put_accumulate", kind="indexing")
def masked_index_put(values: Size) -> Ops:
    """[*] = [*] with [*] added at indices: an add per value, also for masked values."""
    return Ops(adds=values.numel())


@formula("aten::put", kind="indexing")
def put(source: Size, accumulate: bool = False) -> Ops:
    """[*] = [*] with [k] put at index: free, but with ``accumulate`` an add per value."""
    return Ops(adds=source.numel() if accumulate else 0)


def bags(looked_up: int, count: int, width: int, mode: int, *, weighted: bool) -> Ops:
    """[count, width] = sum (mode 0), mean (1) or max (2) of bags of [looked_up, width].

    A bag of k rows takes k - 1 adds per column, or compares for a max. A mean adds one division per
    column, weights add one mul per row and column. The lookup is free. Shapes do not show empty
    bags and padding rows: every bag is counted as filled.
    """
    joins = max(looked_up - count, 0) * width
    ops = Ops(compares=joins) if mode == 2 else Ops(adds=joins)
    return ops + Ops(
        muls=looked_up * width if weighted else 0, specials=count * width if mode == 1 else 0
    )


@formula("aten::_embedding_bag", kind="embedding")
@formula("aten::_embedding_bag_forward_only", kind="embedding")
def embedding_bag(
    indices: Size, mode: int = 0, per_sample_weights: Size | None = None, *, out: Sequence[Size]
) -> Ops:
    """[B, d], ... = embedding_bag([n, d], [k], [B]): see ``bags``."""
    count, width = out[0]
    return bags(indices.numel(), count, width, mode, weighted=per_sample_weights is not None)


@formula("aten::embedding_renorm", kind="embedding")
def embedding_renorm(self: Size, indices: Size, norm_type: float) -> Ops:
    """[n, d] = [n, d], each row that is looked up scaled down to a norm of at most ``max_norm``.

    Per index a norm, a compare, an add, a division and d muls. Shapes do not show which norms are
    too large, or which indices repeat. So every index is counted as a row with too large a norm.
    """
    rows = indices.numel()
    return (
        norm_of(rows, self[-1], norm_type)
        + Ops(adds=1, muls=self[-1], compares=1, specials=1) * rows
    )


@formula("aten::segment_reduce", kind="indexing")
def segment_reduce(data: Size, reduce: str, out: Size) -> Ops:
    """[s, *] = reduce(segments of [n, *]): an add, mul or compare per element but one per result.

    A mean also divides each result.
    """
    return joined(reduce, max(data.numel() - out.numel(), 0), out.numel())

"""Ops that write or gather by index *and* compute: what is added up is counted. Pure gathers and scatters are in ``free``."""

from __future__ import annotations

from typing import Any

from torch import Size

from ..core.ops import NOTHING, Ops
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
"""What joining one more element to a result costs, under each of the names that the ops give it."""


def joined(reduce: str | None, elements: int, results: int) -> Ops:
    """``elements`` joined into results that are there already; a mean divides each result at last."""
    if reduce is None:
        return NOTHING
    return REDUCTIONS[reduce] * elements + Ops(specials=results if reduce == "mean" else 0)


@formula("aten::index_add", kind="indexing")
def index_add(source: Size, *, alpha: Any = 1) -> Ops:
    """[*, n] = [*, n] with alpha [*, k] added at index: an add per element of source, a mul where alpha is not 1 or -1."""
    return Ops(adds=1, muls=int(alpha not in (1, -1))) * source.numel()


@formula("aten::scatter_add", kind="indexing")
def scatter_add(index: Size) -> Ops:
    """[*] = [*] with [*] added at index: an add per index."""
    return Ops(adds=index.numel())


@formula("aten::scatter", kind="indexing")
def scatter(index: Size, *, reduce: str | None = None) -> Ops:
    """[*] = [*] with [*] put at index: free, or an add or a mul per index where ``reduce`` says so."""
    return joined(reduce, index.numel(), 0)


@formula("aten::scatter_reduce", kind="indexing")
def scatter_reduce(index: Size, reduce: str, out: Size) -> Ops:
    """[*] = [*] with [*] joined at index: an add, mul or compare per index; a mean divides each result."""
    return joined(reduce, index.numel(), out.numel())


@formula("aten::index_reduce", kind="indexing")
def index_reduce(source: Size, reduce: str, out: Size) -> Ops:
    """[*, n] = [*, n] with [*, k] joined at index: an add, mul or compare per element of source; a mean divides each result."""
    return joined(reduce, source.numel(), out.numel())


@formula("aten::index_put", kind="indexing")
@formula("aten::_index_put_impl", kind="indexing")
@formula("aten::_unsafe_index_put", kind="indexing")
def index_put(values: Size, accumulate: bool = False) -> Ops:
    """[*] = [*] with [*] put at indices: free, or an add per value where it accumulates.

    A value that is broadcast to many places is one add: a mask among the indices does not tell how many there are.
    """
    return Ops(adds=values.numel() if accumulate else 0)


@formula("aten::_unsafe_masked_index_put_accumulate", kind="indexing")
def masked_index_put(values: Size) -> Ops:
    """[*] = [*] with [*] added at indices: an add per value, masked ones too."""
    return Ops(adds=values.numel())


@formula("aten::put", kind="indexing")
def put(source: Size, accumulate: bool = False) -> Ops:
    """[*] = [*] with [k] put at index: free, or an add per value where it accumulates."""
    return Ops(adds=source.numel() if accumulate else 0)


def bags(looked_up: int, count: int, width: int, mode: int, *, weighted: bool) -> Ops:
    """[count, width] = bags of ``looked_up`` rows of an embedding, joined by mode 0 sum, 1 mean, 2 max.

    A bag of k rows takes k - 1 adds (compares for max) per column; a mean one division more, a weight per row one mul.
    The look-up is free. Empty bags and padding rows are not known from shapes, so every bag is taken to be filled.
    """
    joins = max(looked_up - count, 0) * width
    ops = Ops(compares=joins) if mode == 2 else Ops(adds=joins)
    return ops + Ops(
        muls=looked_up * width if weighted else 0, specials=count * width if mode == 1 else 0
    )


@formula("aten::_embedding_bag", kind="embedding")
@formula("aten::_embedding_bag_forward_only", kind="embedding")
def embedding_bag(
    indices: Size, mode: int = 0, per_sample_weights: Size | None = None, *, out: Any
) -> Ops:
    """[B, d], ... = embedding_bag([n, d], [k], [B]): see bags."""
    count, width = out[0]
    return bags(indices.numel(), count, width, mode, weighted=per_sample_weights is not None)


@formula("aten::embedding_renorm", kind="embedding")
def embedding_renorm(self: Size, indices: Size, norm_type: float) -> Ops:
    """[n, d] = [n, d] with no looked-up row of norm above max_norm: per index a norm, a compare, an add, a division, d muls.

    Every row looked up is counted as too long, and as often as it is looked up: which are is not known from shapes.
    """
    rows = indices.numel()
    return (
        norm_of(rows, self[-1], norm_type)
        + Ops(adds=1, muls=self[-1], compares=1, specials=1) * rows
    )


@formula("aten::segment_reduce", kind="indexing")
def segment_reduce(data: Size, reduce: str, out: Size) -> Ops:
    """[s, *] = segments of [n, *] joined: an element less per result than there are; a mean divides each result."""
    return joined(reduce, max(data.numel() - out.numel(), 0), out.numel())

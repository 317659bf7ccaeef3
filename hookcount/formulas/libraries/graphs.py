"""Graphs: ops of torch_scatter, torch_sparse and pyg-lib, by name. Gathering is free; what is joined is counted.

Their schemas stand in ``csrc/scatter.cpp``, ``segment_csr.cpp``, ``segment_coo.cpp``, ``spmm.cpp`` and
``pyg_lib/csrc/ops/matmul.cpp``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from torch import Size

from ...core.ops import NOTHING, Ops
from ..arithmetic import matmul
from ..builtin import formula, free
from ..indexing import joined
from ..quantized.scaled_products import product_by_group

REDUCTIONS = {"sum": "sum", "mul": "prod", "mean": "mean", "min": "amin", "max": "amax"}


def _joining(reduce: str) -> Callable[..., Ops]:
    def join(src: Size, out: Any) -> Ops:
        """[s, *] (, indices) = [n, *] joined at index: an add, mul or compare per element; a mean divides each result."""
        results = out if isinstance(out, Size) else out[0]
        return joined(reduce, prod(src), prod(results))

    return join


for _name, _reduce in REDUCTIONS.items():
    formula(f"torch_scatter::scatter_{_name}", kind="graph")(_joining(_reduce))
    if _name != "mul":
        formula(f"torch_scatter::segment_{_name}_csr", kind="graph")(_joining(_reduce))
        formula(f"torch_scatter::segment_{_name}_coo", kind="graph")(_joining(_reduce))

free(
    [
        "torch_scatter::gather_csr",
        "torch_scatter::gather_coo",
        "torch_scatter::cuda_version",
        "torch_sparse::cuda_version",
    ]
)


def sparse_product(entries: int, values: Any, mat: Size, out: Any, reduce: str) -> Ops:
    """[m, n] = sparse [m, k] with ``entries`` entries, by [k, n].

    A sum or mean of values times rows is a contraction: entries * n; the mean is a division per result more. Without values rows
    are joined, by an add or a compare per element; the largest of values times rows is a mul more.
    """
    terms = entries * prod(mat[:-2]) * mat[-1]
    results = prod(out if isinstance(out, Size) else out[0])
    if values is None:
        return joined(reduce, terms, results)
    if reduce == "amax":
        return joined(reduce, terms, results) + Ops(muls=terms)
    return Ops(macs=terms, specials=results if reduce == "mean" else 0)


@formula("torch_sparse::spmm_sum", kind="graph")
def spmm_sum(*, col: Size, value: Any, mat: Size, out: Any) -> Ops:
    """[m, n] = sparse [m, k] @ [k, n]: its entries, of which ``col`` has one each, times n; see ``sparse_product``."""
    return sparse_product(col[0], value, mat, out, "sum")


@formula("torch_sparse::spmm_mean", kind="graph")
def spmm_mean(*, col: Size, value: Any, mat: Size, out: Any) -> Ops:
    """[m, n] = the mean over each row's entries of [k, n]: see ``sparse_product``."""
    return sparse_product(col[0], value, mat, out, "mean")


@formula("torch_sparse::spmm_min", kind="graph")
@formula("torch_sparse::spmm_max", kind="graph")
def spmm_extreme(*, col: Size, value: Any, mat: Size, out: Any) -> Ops:
    """[m, n], indices = the largest of each row's entries of [k, n]: see ``sparse_product``."""
    return sparse_product(col[0], value, mat, out, "amax")


@formula("pyg::segment_matmul", kind="graph")
def segment_matmul(input: Size, *, other: Size) -> Ops:
    """[m, n] = [m, k] @ [g, k, n], each row by the matrix of its group: m k n."""
    return product_by_group(input, other)


@formula("pyg::grouped_matmul", kind="graph")
def grouped_matmul(input: Sequence[Size], other: Sequence[Size]) -> Ops:
    """Each [m, n] = [m, k] @ [k, n]: a product per pair of the lists."""
    return sum(
        (matmul(left[0], left[1], right[1]) for left, right in zip(input, other, strict=True)),
        NOTHING,
    )

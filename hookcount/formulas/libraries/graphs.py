"""Graphs: ops of torch_scatter, torch_sparse and pyg-lib, by name.

To gather values is free, to join them is counted. The schemas are in ``csrc/scatter.cpp``,
``segment_csr.cpp``, ``segment_coo.cpp``, ``spmm.cpp`` and ``pyg_lib/csrc/ops/matmul.cpp``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from torch import Size

from ...core.ops import NOTHING, Ops
from ..arithmetic import matmul
from ..builtin import formula, free
from ..indexing import joined
from ..quantized.scaled_products import product_by_group

REDUCTIONS = {"sum": "sum", "mul": "prod", "mean": "mean", "min": "amin", "max": "amax"}
"""By suffix of an op of torch_scatter, the name of the same reduction in torch."""

WithIndices = Size | tuple[Size, Size]
"""The shape of an output, or the shapes of an output and of the indices of its elements."""


def _results(out: WithIndices) -> int:
    return prod(out if isinstance(out, Size) else out[0])


def _joining(reduce: str) -> Callable[..., Ops]:
    def join(src: Size, out: WithIndices) -> Ops:
        """[s, *] (, indices) = [n, *] joined at index: an add, mul or compare per element.

        A mean divides each result.
        """
        return joined(reduce, prod(src), _results(out))

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


def sparse_product(
    entries: int, values: Size | None, mat: Size, out: WithIndices, reduce: str
) -> Ops:
    """[m, n] = sparse [m, k] @ [k, n], with ``entries`` entries and the reduction ``reduce``.

    - A sum of values times rows is a contraction: entries * n. A mean adds a division per result.
    - The largest of values times rows is a mul and a compare per element.
    - Without values the rows are joined: an add or a compare per element.
    """
    terms = entries * prod(mat[:-2]) * mat[-1]
    results = _results(out)
    if values is None:
        return joined(reduce, terms, results)
    if reduce == "amax":
        return joined(reduce, terms, results) + Ops(muls=terms)
    return Ops(macs=terms, specials=results if reduce == "mean" else 0)


@formula("torch_sparse::spmm_sum", kind="graph")
def spmm_sum(*, col: Size, value: Size | None, mat: Size, out: WithIndices) -> Ops:
    """[m, n] = sparse [m, k] @ [k, n]: see ``sparse_product``. ``col`` has a number per entry."""
    return sparse_product(col[0], value, mat, out, "sum")


@formula("torch_sparse::spmm_mean", kind="graph")
def spmm_mean(*, col: Size, value: Size | None, mat: Size, out: WithIndices) -> Ops:
    """[m, n] = the mean over each row's entries of [k, n]: see ``sparse_product``."""
    return sparse_product(col[0], value, mat, out, "mean")


@formula("torch_sparse::spmm_min", kind="graph")
@formula("torch_sparse::spmm_max", kind="graph")
def spmm_extreme(*, col: Size, value: Size | None, mat: Size, out: WithIndices) -> Ops:
    """[m, n], indices = the largest of each row's entries of [k, n]: see ``sparse_product``."""
    return sparse_product(col[0], value, mat, out, "amax")


@formula("pyg::segment_matmul", kind="graph")
def segment_matmul(input: Size, *, other: Size) -> Ops:
    """[m, n] = [m, k] @ [g, k, n], each row by the matrix of its group: m * k * n."""
    return product_by_group(input, other)


@formula("pyg::grouped_matmul", kind="graph")
def grouped_matmul(input: Sequence[Size], other: Sequence[Size]) -> Ops:
    """list of [m, n] = list of [m, k] @ list of [k, n]: a product per pair of the lists."""
    return sum(
        (matmul(left[0], left[1], right[1]) for left, right in zip(input, other, strict=True)),
        NOTHING,
    )

"""Sorting, selecting and searching, counted as compares of the textbook algorithms.

The source is Knuth, The Art of Computer Programming 3.

- Sorting n values takes n ceil(log2 n) compares: the bound of merge sort (5.2.4).
- Selecting the largest k of n takes n ceil(log2(k + 1)) compares, never more than a sort. A heap of
  k has ceil(log2(k + 1)) levels, and each value sinks through them.
- Finding a value among n sorted ones takes ceil(log2(n + 1)) compares: binary search (6.2.1).

Moving elements and indices is free. A device may use radix sort; it is counted as compares too.
"""

from __future__ import annotations

from torch import Size

from ..core.ops import Ops
from .arithmetic import Operand
from .builtin import formula
from .reduction import largest, total
from .softmax import rows_along


def log2_ceil(n: int) -> int:
    """The smallest integer b with 2^b >= n, exactly. It is 0 for n = 0."""
    return max(n - 1, 0).bit_length()


def sorting(rows: int, n: int) -> Ops:
    """[rows, n] = sorted rows of [rows, n]: n ceil(log2 n) compares per row."""
    return Ops(compares=rows * n * log2_ceil(n))


def selection(rows: int, n: int, k: int) -> Ops:
    """[rows, k] = the largest k of each row of [rows, n].

    Per row n ceil(log2(k + 1)) compares, or a sort if that takes fewer.
    """
    return Ops(compares=rows * n * min(log2_ceil(k + 1), log2_ceil(n)))


def search(values: int, n: int) -> Ops:
    """[values] = the place of each value among n sorted ones: ceil(log2(n + 1)) compares."""
    return Ops(compares=values * log2_ceil(n + 1))


def numel(value: Operand) -> int:
    """The number of elements of a tensor. A number counts as one element."""
    return value.numel() if isinstance(value, Size) else 1


@formula("aten::sort", kind="sorting")
@formula("aten::argsort", kind="sorting")
def sort(self: Size, dim: int = -1) -> Ops:
    """[*, n], indices = sort([*, n]): see ``sorting``."""
    return sorting(*rows_along(self, dim))


@formula("aten::topk", kind="sorting")
def topk(self: Size, k: int, dim: int = -1) -> Ops:
    """[*, k], indices = topk([*, n], k): see ``selection``. Sorting the k is not counted."""
    return selection(*rows_along(self, dim), k)


@formula("aten::kthvalue", kind="sorting")
def kthvalue(self: Size, k: int, dim: int = -1) -> Ops:
    """[*], indices = kthvalue([*, n], k): see ``selection``.

    The value is the last of the smallest k, or of the largest n - k + 1, whichever are fewer.
    """
    rows, n = rows_along(self, dim)
    return selection(rows, n, min(k, n - k + 1))


@formula("aten::median", kind="sorting")
@formula("aten::nanmedian", kind="sorting")
def median(self: Size, dim: int | None = None) -> Ops:
    """[*] (, indices) = median([*, n]): a ``selection`` of (n + 1) // 2 values.

    Without ``dim`` it is the median of all elements.
    """
    rows, n = (1, self.numel()) if dim is None else rows_along(self, dim)
    return selection(rows, n, (n + 1) // 2)


@formula("aten::mode", kind="sorting")
def mode(self: Size, dim: int = -1) -> Ops:
    """[*], indices = mode([*, n]): a sort, and n - 1 compares of neighbours."""
    rows, n = rows_along(self, dim)
    return sorting(rows, n) + largest(rows, n)


@formula("aten::_unique", kind="sorting")
@formula("aten::_unique2", kind="sorting")
def unique(self: Size) -> Ops:
    """[u], ... = unique([*]): a sort of all n elements, and n - 1 compares of neighbours."""
    return sorting(1, self.numel()) + largest(1, self.numel())


@formula("aten::unique_dim", kind="sorting")
def unique_dim(self: Size, dim: int) -> Ops:
    """[u, *], ... = unique([n, *]) of slices: as ``unique``, with a compare for each element.

    Two slices are compared in all elements, whether they differ early or not.
    """
    slices = self[dim]
    size = self.numel() // slices if slices else 0
    return (sorting(1, slices) + largest(1, slices)) * size


@formula("aten::unique_consecutive", kind="sorting")
@formula("aten::unique_dim_consecutive", kind="sorting")
def unique_consecutive(self: Size) -> Ops:
    """[u], ... = unique_consecutive([*]): n - 1 compares of neighbours.

    Slices are counted the same way, over all their elements.
    """
    return largest(1, self.numel())


@formula("aten::searchsorted", kind="sorting")
def searchsorted(sorted_sequence: Size, self: Operand) -> Ops:
    """[*, v] = searchsorted([*, n], [*, v]): a binary search per value."""
    return search(numel(self), sorted_sequence[-1])


@formula("aten::bucketize", kind="sorting")
def bucketize(self: Operand, boundaries: Size) -> Ops:
    """[*] = bucketize([*], [n]): a binary search per value."""
    return search(numel(self), boundaries[-1])


@formula("aten::isin", kind="sorting")
def isin(elements: Operand, test_elements: Operand) -> Ops:
    """[*] = [*] in [m]: the m values are sorted once, and each element is searched among them."""
    tests = numel(test_elements)
    return sorting(1, tests) + search(numel(elements), tests)


def binning(values: int) -> Ops:
    """[values] = floor((x - low) / (high - low) bins), and counting.

    Per value: a subtraction, a mul, a division, a rounding, 2 tests of the range, an add to a bin.
    """
    return Ops(adds=2, muls=1, compares=2, specials=2) * values


@formula("aten::histc", kind="sorting")
def histc(self: Size) -> Ops:
    """[bins] = histc([*]): see ``binning``."""
    return binning(self.numel())


@formula("aten::histogram.bin_ct", kind="sorting")
def histogram(self: Size) -> Ops:
    """[bins], edges = histogram([*]): see ``binning``. ``density`` is not counted."""
    return binning(self.numel())


@formula("aten::histogram.bins_tensor", kind="sorting")
def histogram_of_bins(self: Size, bins: Size) -> Ops:
    """[bins], edges = histogram([*], edges): a binary search and an add to a bin per element."""
    return search(self.numel(), bins.numel()) + Ops(adds=self.numel())


@formula("aten::bincount", kind="sorting")
def bincount(self: Size) -> Ops:
    """[bins] = bincount([n]): an add per element."""
    return Ops(adds=self.numel())


@formula("aten::multinomial", kind="sorting")
def multinomial(self: Size, num_samples: int, replacement: bool = False) -> Ops:
    """[*, s] = multinomial([*, n], s).

    One sample, or without replacement: n divisions by exponential noise, and the largest s of n.
    With replacement: a running sum, n divisions to normalise it, and a binary search per sample.
    Random numbers are free.
    """
    rows, n = rows_along(self, -1)
    if num_samples == 1 or not replacement:
        pick = largest(rows, n) if num_samples == 1 else selection(rows, n, num_samples)
        return pick + Ops(specials=rows * n)
    return total(rows, n) + Ops(specials=rows * n) + search(rows * num_samples, n)

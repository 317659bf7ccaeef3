"""Reductions, [*] = op([*, n]), and running sums, [*, n] = op([*, n]).

``rows`` is the number of results, ``n`` the number of elements that each is computed from. Indices
that an op returns beside its values are free.
"""

from __future__ import annotations

from math import inf

from torch import Size

from ..core.ops import NOTHING, Ops
from .arithmetic import Outputs, first
from .builtin import formula
from .parametric import power
from .softmax import rows_along


def shape(self: Size, out: Outputs) -> tuple[int, int]:
    """The number of results of a reduction, and the number of elements that each is computed from.

    Both follow from the shapes of input and output, whatever ``dim`` is.
    """
    rows = first(out).numel()
    return (rows, self.numel() // rows) if rows else (0, 0)


def total(rows: int, n: int) -> Ops:
    """[rows] = x1 + ... + xn: n - 1 adds per row."""
    return Ops(adds=rows * max(n - 1, 0))


def average(rows: int, n: int) -> Ops:
    """[rows] = (x1 + ... + xn) / n: n - 1 adds and a division per row."""
    return total(rows, n) + Ops(specials=rows)


def largest(rows: int, n: int) -> Ops:
    """[rows] = max(x1, ..., xn): n - 1 compares per row."""
    return Ops(compares=rows * max(n - 1, 0))


def variance(rows: int, n: int) -> Ops:
    """[rows] = sum((x - mean)^2) / (n - correction).

    Per row: the mean, n subtractions, n squares, n - 1 adds, a division.
    """
    return average(rows, n) + Ops(adds=n, muls=n) * rows + average(rows, n) if n else NOTHING


def powers_of(rows: int, n: int, ord: float) -> Ops:
    """[rows] = sum(|x|^p), or the largest |x| for p = inf, the smallest for p = -inf.

    Per row, n squares for p = 2, n abs for p = 1, n tests for p = 0. For any other finite p, n abs
    and n powers. Then n - 1 adds. For inf and -inf, n abs and n - 1 compares.
    """
    if abs(ord) == inf:
        return Ops(compares=rows * n) + largest(rows, n)
    if ord == 2:
        return Ops(muls=rows * n) + total(rows, n)
    each = Ops(compares=1) + (NOTHING if ord in (0, 1) else power(ord))
    return each * (rows * n) + total(rows, n)


def norm_of(rows: int, n: int, ord: float) -> Ops:
    """[rows] = sum(|x|^p)^(1 / p): the sum of powers, and a root per row.

    p = 0, 1, inf and -inf need no root.
    """
    rooted = abs(ord) not in (0, 1, inf) or ord == -1
    return powers_of(rows, n, ord) + Ops(specials=rows if rooted else 0)


@formula("aten::sum", kind="reduction")
def sum_(self: Size, out: Size) -> Ops:
    """[*] = sum([*, n]): n - 1 adds."""
    return total(*shape(self, out))


@formula("aten::nansum", kind="reduction")
def nansum(self: Size, out: Size) -> Ops:
    """[*] = nansum([*, n]): n tests for nan, n - 1 adds."""
    return total(*shape(self, out)) + Ops(compares=self.numel())


@formula("aten::mean", kind="reduction")
def mean(self: Size, out: Size) -> Ops:
    """[*] = mean([*, n]): n - 1 adds, a division."""
    return average(*shape(self, out))


@formula("aten::prod", kind="reduction")
def prod(self: Size, out: Size) -> Ops:
    """[*] = prod([*, n]): n - 1 muls."""
    rows, n = shape(self, out)
    return Ops(muls=rows * max(n - 1, 0))


@formula("aten::var", kind="reduction")
@formula("aten::var_mean", kind="reduction")
def var(self: Size, out: Outputs) -> Ops:
    """[*] (, [*]) = var([*, n]): see ``variance``. The mean is a part of it."""
    return variance(*shape(self, out))


@formula("aten::std", kind="reduction")
@formula("aten::std_mean", kind="reduction")
def std(self: Size, out: Outputs) -> Ops:
    """[*] (, [*]) = sqrt(var([*, n])): see ``variance``, and a root per result."""
    rows, n = shape(self, out)
    return variance(rows, n) + Ops(specials=rows)


@formula("aten::amax", kind="reduction")
@formula("aten::amin", kind="reduction")
@formula("aten::max", kind="reduction")
@formula("aten::min", kind="reduction")
@formula("aten::argmax", kind="reduction")
@formula("aten::argmin", kind="reduction")
def extreme(self: Size, out: Outputs) -> Ops:
    """[*] (, indices) = max([*, n]): n - 1 compares."""
    return largest(*shape(self, out))


@formula("aten::aminmax", kind="reduction")
@formula("aten::_aminmax", kind="reduction")
def aminmax(self: Size, out: Outputs) -> Ops:
    """[*], [*] = min and max of [*, n]: 2 (n - 1) compares."""
    return largest(*shape(self, out)) * 2


@formula("aten::any", kind="reduction")
@formula("aten::all", kind="reduction")
@formula("aten::count_nonzero", kind="reduction")
def test_all(self: Size) -> Ops:
    """[*] = any([*, n] != 0): n tests. Combining the bits, or counting them, is free."""
    return Ops(compares=self.numel())


@formula("aten::equal", kind="reduction")
def equal(self: Size) -> Ops:
    """bool = all([*] == [*]): a compare per element."""
    return Ops(compares=self.numel())


@formula("aten::allclose", kind="reduction")
def allclose(self: Size, other: Size) -> Ops:
    """bool = all(|x - y| <= atol + rtol |y|): 2 adds, a mul, 2 abs and a compare per element."""
    return Ops(adds=2, muls=1, compares=3) * max(self.numel(), other.numel())


@formula("aten::trace", kind="reduction")
def trace(self: Size) -> Ops:
    """[] = trace([m, n]): min(m, n) - 1 adds."""
    return total(1, min(self))


@formula("aten::linalg_vector_norm", kind="reduction")
def vector_norm(self: Size, ord: float = 2, *, out: Size) -> Ops:
    """[*] = norm([*, n]): see ``norm_of``."""
    return norm_of(*shape(self, out), ord)


@formula("aten::norm", kind="reduction")
def norm(self: Size, p: float | None = 2, *, out: Size) -> Ops:
    """[*] = norm([*, n]): see ``norm_of``."""
    return norm_of(*shape(self, out), 2 if p is None else p)


@formula("aten::linalg__powsum", kind="reduction")
def powsum(self: Size, ord: float = 2, *, out: Size) -> Ops:
    """[*] = sum(|[*, n]|^p): see ``powers_of``."""
    return powers_of(*shape(self, out), ord)


@formula("aten::dist", kind="reduction")
def dist(self: Size, other: Size, p: float = 2) -> Ops:
    """[] = norm([*] - [*]): a subtraction per element, and the norm."""
    n = max(self.numel(), other.numel())
    return Ops(adds=n) + norm_of(1, n, p)


@formula("aten::renorm", kind="reduction")
def renorm(self: Size, p: float, dim: int) -> Ops:
    """[d, *] = [d, *], each slice scaled down to a norm of at most ``maxnorm``.

    A norm, a compare and a division per slice, a mul per element. Shapes do not show which norms
    are too large: all slices are counted so.
    """
    slices = self[dim]
    n = self.numel() // slices if slices else 0
    return norm_of(slices, n, p) + Ops(compares=1, specials=1) * slices + Ops(muls=self.numel())


@formula("aten::cumsum", kind="reduction")
def cumsum(self: Size, dim: int) -> Ops:
    """[*, n] = cumsum([*, n]): n - 1 adds per row."""
    return total(*rows_along(self, dim))


@formula("aten::cumprod", kind="reduction")
def cumprod(self: Size, dim: int) -> Ops:
    """[*, n] = cumprod([*, n]): n - 1 muls per row."""
    return Ops(muls=total(*rows_along(self, dim)).adds)


@formula("aten::cummax", kind="reduction")
@formula("aten::cummin", kind="reduction")
def cummax(self: Size, dim: int) -> Ops:
    """[*, n], indices = cummax([*, n]): n - 1 compares per row."""
    return largest(*rows_along(self, dim))


@formula("aten::_cummax_helper", kind="reduction")
@formula("aten::_cummin_helper", kind="reduction")
def cummax_helper(self: Size, dim: int) -> Ops:
    """[*, n], indices = cummax([*, n]), written into given tensors: n - 1 compares per row."""
    return largest(*rows_along(self, dim))

"""Gradients of distances between vectors."""

from __future__ import annotations

from math import inf

from torch import Size

from ...core.ops import NOTHING, Ops
from ..builtin import formula
from ..elementwise import FIGURES
from ..parametric import power


def of_difference(p: float) -> Ops:
    """The derivative of a distance d = |x - y|_p by one element of x, times g, per element.

    With t = x - y, which is a subtraction:

    - p = 1: g sign(t). Sign and a mul.
    - p = 2: g t / d. A mul and a division.
    - p = inf: g sign(t) where |t| = d. Sign, an abs, a test and a mul.
    - p < 2: g sign(t) |t|^(p - 1) / d^(p - 1). Sign, an abs, a power, 2 muls, a division.
    - other p: g t |t|^(p - 2) / d^(p - 1). An abs, a power, 2 muls, a division.

    The power of d is counted per pair, see ``pairs_backward``. A distance of 0 has no gradient:
    that test is counted per pair too. p = 0 has no gradient.
    """
    sign, absolute = FIGURES["sign"][0], FIGURES["abs"][0]
    if p == 0:
        return NOTHING
    if p == 1:
        ops = sign + Ops(muls=1)
    elif p == 2:
        ops = Ops(muls=1, specials=1)
    elif p == inf:
        ops = sign + absolute + Ops(compares=1, muls=1)
    elif p < 2:
        ops = sign + absolute + power(p - 1) + Ops(muls=2, specials=1)
    else:
        ops = absolute + power(p - 2) + Ops(muls=2, specials=1)
    return Ops(adds=1) + ops


def pairs_backward(pairs: int, width: int, p: float, sides: int) -> Ops:
    """Gradients of the distances of ``pairs`` of vectors: see ``of_difference``.

    Each is added to the gradients of one or two ``sides``. Per pair a test of the distance, and its
    power.
    """
    if p == 0:
        return NOTHING
    each = of_difference(p) + Ops(adds=sides)
    of_pair = NOTHING if p in (1, inf) else Ops(compares=1)
    if p not in (1, 2, inf):
        of_pair = of_pair + power(p - 1)
    return each * (pairs * width) + of_pair * pairs


@formula("aten::_cdist_backward", kind="gradient")
def cdist_backward(x1: Size, p: float, cdist: Size) -> Ops:
    """[*, P, M] = gradient of dist([*, P, M], [*, R, M]) by its first operand: pair by pair."""
    return pairs_backward(cdist.numel(), x1[-1], p, 1)


@formula("aten::_pdist_backward", kind="gradient")
def pdist_backward(self: Size, p: float, pdist: Size) -> Ops:
    """[N, M] = gradient of pdist([N, M]): each pair of rows, added to both of them."""
    return pairs_backward(pdist.numel(), self[-1], p, 2)

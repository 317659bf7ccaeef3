"""Gradients of distances, element by element with numbers that count each operation."""

import itertools
import math

import pytest
import torch
from helpers.asked import ask
from helpers.counted import Tally

from hookcount import Ops

P = (1, 2, math.inf, 1.5, 3)
"""Norms. The power of 1.5 - 1 is a root, that of 3 - 2 nothing, that of 3 - 1 a square."""


def double(*size):
    return torch.rand(size, dtype=torch.double)


def of_element(difference, g, d, power, p):
    """The gradient of one element. ``power`` is d^(p - 1)."""
    if p == 1:
        return g * difference.sign()
    if p == 2:
        return g * difference / d
    if p == math.inf:
        found, there = g * difference.sign(), abs(difference) == d
        return found if there else found.tally.of(0)
    if p < 2:
        return difference.sign() * abs(difference) ** (p - 1) * g / power
    return difference * abs(difference) * g / power  # to the power of p - 2


def of_pair(tally, x, y, g, p):
    """The gradients of the elements of ``x``, for one pair of vectors."""
    d = tally.of(torch.dist(x, y, p))
    x, y = ([tally.of(each) for each in side] for side in (x, y))
    g, power = tally.of(g), None
    if p not in (1, math.inf):
        assert d != 0
    if p == 1.5:
        power = d**0.5
    if p == 3:
        power = d * d
    return [of_element(a - b, g, d, power, p) for a, b in zip(x, y, strict=True)]


def added(made, row, found):
    made[row] = [kept + each for kept, each in zip(made[row], found, strict=True)]


def values(rows):
    return torch.tensor([[each.value for each in row] for row in rows], dtype=torch.double)


@pytest.mark.parametrize("p", P)
def test_all_pairs(p):
    x, y = double(3, 4).requires_grad_(), double(5, 4)
    mode = "donot_use_mm_for_euclid_dist"
    out = torch.cdist(x, y, p, compute_mode=mode)
    grad, tally = double(*out.shape), Tally()
    made = [[tally.of(0)] * 4 for _ in range(3)]
    for i in range(3):
        for j in range(5):
            added(made, i, of_pair(tally, x[i], y[j], grad[i, j], p))
    torch.testing.assert_close(values(made), *torch.autograd.grad(out, x, grad))
    found = ask("aten::_cdist_backward", out.shape, x.shape, y.shape, float(p), out.shape)
    assert found == tally.ops


@pytest.mark.parametrize("p", P)
def test_the_pairs_of_one_matrix(p):
    x = double(4, 3).requires_grad_()
    out = torch.pdist(x, p)
    grad, tally = double(*out.shape), Tally()
    made = [[tally.of(0)] * 3 for _ in range(4)]
    pairs = itertools.combinations(range(4), 2)
    for place, (i, j) in enumerate(pairs):
        found = of_pair(tally, x[i], x[j], grad[place], p)
        added(made, i, found)
        made[j] = [kept - each for kept, each in zip(made[j], found, strict=True)]
    torch.testing.assert_close(values(made), *torch.autograd.grad(out, x, grad))
    assert ask("aten::_pdist_backward", out.shape, x.shape, float(p), out.shape) == tally.ops


def test_a_number_of_differences_has_no_gradient():
    x = torch.Size((3, 4))
    assert ask("aten::_cdist_backward", torch.Size((3, 3)), x, x, 0.0, torch.Size((3, 3))) == Ops()

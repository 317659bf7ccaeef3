"""Distances: pairs times the norm of a difference, or the product that torch takes for
many rows.
"""

import torch
from helpers.asked import ask
from torch import Size, nn

import hookcount
from hookcount import Ops
from hookcount.rules.registry import target_name


def price(target, *args, out, **kwargs):
    return ask(target, *args, out=out, **kwargs)


class Cdist(nn.Module):
    def forward(self, x, y):
        return torch.cdist(x, y)


def test_few_rows_pair_by_pair():
    each = Ops(adds=6 + 5, muls=6, specials=1)
    assert price(
        "aten::_cdist_forward",
        Size([2, 4, 6]),
        Size([2, 5, 6]),
        2.0,
        None,
        out=Size([2, 4, 5]),
    ) == each * (2 * 4 * 5)
    assert hookcount.count(Cdist(), torch.zeros(2, 4, 6), torch.zeros(2, 5, 6)).total == each * (
        2 * 4 * 5
    )


def test_many_rows_by_a_product():
    expected = Ops(
        macs=30 * 5 * (6 + 2),
        muls=(30 + 5) * 6 + 30 * 6,  # the squares, and the doubling
        adds=(30 + 5) * 5,
        compares=30 * 5,
        specials=30 * 5,
    )
    assert (
        price("aten::_euclidean_dist", Size([30, 6]), Size([5, 6]), out=Size([30, 5])) == expected
    )
    assert (
        price("aten::_cdist_forward", Size([30, 6]), Size([5, 6]), 2.0, 0, out=Size([30, 5]))
        == expected
    )
    assert hookcount.count(Cdist(), torch.zeros(30, 6), torch.zeros(5, 6)).total == expected


def test_other_orders_never_take_a_product():
    each = Ops(adds=6 + 5, compares=6)
    assert price(
        "aten::_cdist_forward", Size([30, 6]), Size([5, 6]), 1.0, None, out=Size([30, 5])
    ) == each * (30 * 5)


def test_within_one_set():
    assert price("aten::_pdist_forward", Size([5, 3]), out=Size([10])) == Ops(
        adds=3 + 2, muls=3, specials=1
    ) * (5 * 4 // 2)


def test_row_by_row():
    module = nn.PairwiseDistance()
    expected = Ops(adds=4 + 4 + 3, muls=4, specials=1) * 3  # subtract, add eps, norm
    assert (
        price(
            target_name(nn.PairwiseDistance),
            module,
            Size([3, 4]),
            Size([3, 4]),
            out=Size([3]),
        )
        == expected
    )

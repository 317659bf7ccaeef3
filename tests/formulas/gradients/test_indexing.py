"""Gradients of lookups, segments, padding and windows."""

import pytest
from helpers.asked import ask
from torch import Size

from hookcount import Ops

BAGS, LOOKED_UP, WIDTH, ROWS = 2, 5, 4, 9
VALUES = LOOKED_UP * WIDTH


def test_what_was_copied_is_added_back():
    given = Size([5, 4]), Size([5]), 9, -1, False
    assert ask("aten::embedding_dense_backward", *given) == Ops(adds=5 * 4)
    grad, size = Size([2, 8]), Size([2, 6])
    assert ask("aten::reflection_pad1d_backward", grad, size, [1, 1]) == Ops(adds=2 * 8)


def bag(mode, *, weighted=False, by_frequency=False, sparse=False):
    grad, indices, offsets = Size((BAGS, WIDTH)), Size((LOOKED_UP,)), Size((BAGS,))
    weights = indices if weighted else None
    args = grad, indices, offsets, indices, offsets, offsets, ROWS, by_frequency, mode, sparse
    return ask("aten::_embedding_bag_backward", *args, weights)


def test_bags():
    assert bag(0) == Ops(adds=VALUES)
    assert bag(1) == Ops(adds=VALUES, specials=BAGS * WIDTH)
    assert bag(2) == Ops(adds=BAGS * WIDTH)
    assert bag(0, weighted=True) == Ops(adds=VALUES, muls=VALUES)
    assert bag(0, by_frequency=True) == Ops(adds=VALUES, muls=VALUES)
    assert bag(0, sparse=True) == Ops()
    grad, indices, offsets = Size((BAGS, WIDTH)), Size((LOOKED_UP,)), Size((BAGS,))
    args = grad, indices, indices, offsets, offsets, ROWS, False, 0, None
    assert ask("aten::_embedding_bag_dense_backward", *args) == bag(0)


def test_weights_of_bags_are_dot_products():
    grad, indices = Size((BAGS, WIDTH)), Size((LOOKED_UP,))
    args = grad, Size((ROWS, WIDTH)), indices, Size((BAGS,)), indices, 0
    found = ask("aten::_embedding_bag_per_sample_weights_backward", *args)
    assert found == Ops(macs=LOOKED_UP * WIDTH)


@pytest.mark.parametrize(
    ("reduce", "expected"),
    [
        ("sum", Ops()),
        ("mean", Ops(specials=2 * 3)),
        ("prod", Ops(muls=5 * 3, compares=5 * 3, specials=5 * 3)),
        ("max", Ops(compares=5 * 3, specials=2 * 3)),
    ],
)
def test_segments(reduce, expected):
    given, made = Size((5, 3)), Size((2, 3))
    found = ask("aten::_segment_reduce_backward", made, made, given, reduce, lengths=Size((2,)))
    assert found == expected

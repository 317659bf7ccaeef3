"""Indexed writes: what is added up is counted, what is only put in place is not."""

import pytest
import torch
from helpers.asked import ask
from torch import Size, nn

import hookcount
from hookcount import Ops

S = Size([10, 4])
K = Size([6, 4])


def price(target, *args, out=S, **kwargs):
    return ask(target, *args, out=out, **kwargs)


def test_index_add():
    assert price("aten::index_add", S, 0, Size([6]), K) == Ops(adds=6 * 4)
    assert price("aten::index_add", S, 0, Size([6]), K, alpha=2) == Ops(adds=6 * 4, muls=6 * 4)


def test_scatters():
    assert price("aten::scatter", S, 0, K, K) == Ops()
    assert price("aten::scatter", S, 0, K, 1.0) == Ops()
    assert (
        price("aten::scatter", S, 0, K, K, reduce="add")
        == price("aten::scatter_add", S, 0, K, K)
        == Ops(adds=6 * 4)
    )
    assert price("aten::scatter", S, 0, K, 2.0, reduce="multiply") == Ops(muls=6 * 4)


@pytest.mark.parametrize(
    ("reduce", "expected"),
    [
        ("sum", Ops(adds=24)),
        ("prod", Ops(muls=24)),
        ("amax", Ops(compares=24)),
        ("amin", Ops(compares=24)),
        ("mean", Ops(adds=24, specials=10 * 4)),
    ],
)
def test_reducing_by_index(reduce, expected):
    assert price("aten::scatter_reduce", S, 0, K, K, reduce) == expected
    if reduce != "sum":
        assert price("aten::index_reduce", S, 0, Size([6]), K, reduce) == expected


def test_putting_is_free_and_accumulating_adds():
    assert price("aten::index_put", S, (Size([6]),), K) == Ops()
    assert price("aten::index_put", S, (Size([6]),), K, True) == Ops(adds=6 * 4)
    assert price("aten::put", S, Size([6]), Size([6]), True) == Ops(adds=6)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("sum", Ops(adds=(12 - 3) * 4)),
        ("mean", Ops(adds=(12 - 3) * 4, specials=3 * 4)),
        ("max", Ops(compares=(12 - 3) * 4)),
    ],
)
def test_embedding_bag_joins_its_rows(mode, expected):
    bag = nn.EmbeddingBag(7, 4, mode=mode)
    assert hookcount.count(bag, torch.zeros(3, 4, dtype=torch.long)).total == expected


def test_embedding_bag_with_weights():
    bag = nn.EmbeddingBag(7, 4, mode="sum")
    total = hookcount.count(
        bag, torch.zeros(3, 4, dtype=torch.long), per_sample_weights=torch.ones(3, 4)
    ).total
    assert total == Ops(adds=(12 - 3) * 4, muls=12 * 4)


def test_embedding_is_free_until_it_renormalises():
    ids = torch.zeros(2, 5, dtype=torch.long)
    assert hookcount.count(nn.Embedding(7, 4), ids).total == Ops()
    # per id: 4 squares, 3 adds, a root; a compare, an add of eps, a division, 4 muls
    each = Ops(muls=4 + 4, adds=3 + 1, specials=1 + 1, compares=1)
    with torch.no_grad():
        assert hookcount.count(nn.Embedding(7, 4, max_norm=1.0), ids).total == each * (2 * 5)


def test_segment_reduce():
    assert price("aten::segment_reduce", Size([12, 4]), "sum", out=Size([3, 4])) == Ops(
        adds=(12 - 3) * 4
    )
    assert price("aten::segment_reduce", Size([12]), "mean", out=Size([3])) == Ops(
        adds=12 - 3, specials=3
    )

"""Losses: a figure per element or sample, then none, n - 1 adds, or n - 1 adds and a division."""

import pytest
import torch
from helpers.asked import ask
from torch import Size, nn

import hookcount
from hookcount import Ops

S = Size([4, 6])
N = 4 * 6
REDUCED = {0: Ops(), 1: Ops(adds=N - 1, specials=1), 2: Ops(adds=N - 1)}


SCALAR = Size([])


def price(target, *args, out=SCALAR, **kwargs):
    return ask(target, *args, out=out, **kwargs)


@pytest.mark.parametrize("reduction", [0, 1, 2])
@pytest.mark.parametrize(
    ("op", "more", "each"),
    [
        ("mse_loss", {}, Ops(adds=1, muls=1)),
        ("huber_loss", {"delta": 2.0}, Ops(adds=1, muls=2, compares=2)),
        ("smooth_l1_loss", {}, Ops(adds=1, muls=2, compares=2)),
        ("smooth_l1_loss", {"beta": 0.5}, Ops(adds=1, muls=2, compares=2, specials=1)),
        ("soft_margin_loss", {}, Ops(adds=1, muls=1, specials=2)),
        ("binary_cross_entropy", {}, Ops(adds=3, muls=2, compares=2, specials=2)),
        ("binary_cross_entropy", {"weight": S}, Ops(adds=3, muls=3, compares=2, specials=2)),
        ("binary_cross_entropy_with_logits", {}, Ops(adds=4, muls=1, compares=2, specials=2)),
        (
            "binary_cross_entropy_with_logits",
            {"pos_weight": S},
            Ops(adds=6, muls=3, compares=2, specials=2),
        ),
        (
            "binary_cross_entropy_with_logits",
            {"weight": S},
            Ops(adds=4, muls=2, compares=2, specials=2),
        ),
    ],
)
def test_per_element(op, more, each, reduction):
    assert price(f"aten::{op}", S, S, reduction=reduction, **more) == each * N + REDUCED[reduction]


def test_a_target_that_is_broadcast():
    assert price("aten::mse_loss", S, Size([6]), 2) == Ops(adds=N + N - 1, muls=N)


def test_nll_costs_per_sample_whatever_the_classes():
    assert price("aten::nll_loss_forward", Size([8, 1000]), Size([8]), None, 1, -100) == Ops(
        adds=8 + 7, specials=1
    )
    assert price("aten::nll_loss_forward", Size([8, 1000]), Size([8]), None, 0, -100) == Ops(adds=8)
    weighted = Ops(adds=8 + 7 + 7, muls=8, specials=1)
    assert (
        price("aten::nll_loss_forward", Size([8, 1000]), Size([8]), Size([1000]), 1, -100)
        == weighted
    )
    assert price(
        "aten::nll_loss2d_forward", Size([2, 9, 3, 4]), Size([2, 3, 4]), None, 2, -100
    ) == Ops(adds=24 + 23)


def test_cross_entropy_is_log_softmax_and_nll():
    total = hookcount.count(
        nn.CrossEntropyLoss(), torch.zeros(8, 10), torch.zeros(8, dtype=torch.long)
    ).total
    log_softmax = Ops(compares=9, adds=10 + 9 + 10, specials=10 + 1) * 8
    assert total == log_softmax + Ops(adds=8 + 7, specials=1)


def test_multi_margin_compares_with_every_other_class():
    # per other class 2 adds and a compare; their sum and its division; the mean of 8
    expected = (
        Ops(adds=2, compares=1) * (8 * 9) + Ops(adds=8, specials=1) * 8 + Ops(adds=7, specials=1)
    )
    assert price("aten::multi_margin_loss", Size([8, 10]), Size([8])) == expected
    squared = price("aten::multi_margin_loss", Size([8, 10]), Size([8]), 2)
    assert squared == expected + Ops(muls=8 * 9)


def test_ctc_recursion():
    # 2 samples of targets of length 3: 2 * (2 * 3 + 1) states, from the second of 5 steps on
    states = Ops(compares=2, adds=3 + 2 + 2, specials=4) * ((5 - 1) * 2 * (2 * 3 + 1))
    end = Ops(compares=2, adds=3 + 1, specials=2) * 2
    assert price("aten::_ctc_loss", Size([5, 2, 9]), Size([2, 3]), (5, 5), (3, 3)) == states + end
    assert price("aten::_ctc_loss", Size([5, 2, 9]), Size([6]), (5, 5), (3, 3)) == states + end

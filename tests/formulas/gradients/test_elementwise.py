"""Backward ops of element-wise functions and softmax."""

import pytest
from helpers.asked import ask
from torch import Size

from hookcount import Ops

S = Size([2, 3])
N = 2 * 3


def price(target, *args, out=S, **kwargs):
    return ask(target, *args, out=out, **kwargs)


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        ("threshold_backward", Ops(compares=N)),
        ("sigmoid_backward", Ops(adds=N, muls=2 * N)),
        ("tanh_backward", Ops(adds=N, muls=2 * N)),
        ("native_dropout_backward", Ops(muls=2 * N)),
        ("mse_loss_backward", Ops(adds=N, muls=2 * N)),
        ("_standard_gamma_grad", Ops(specials=N)),
    ],
)
def test_per_element(op, expected):
    assert price(f"aten::{op}", S, S) == expected


def test_gelu_by_approximation():
    assert price("aten::gelu_backward", S, S) == Ops(adds=2 * N, muls=7 * N, specials=2 * N)
    tanh = Ops(adds=2, muls=1, specials=2)
    assert (
        price("aten::gelu_backward", S, S, approximate="tanh") == (tanh + Ops(adds=5, muls=12)) * N
    )


def test_softmax_rows():
    assert price("aten::_softmax_backward_data", S, S, -1, 6) == Ops(
        muls=2 * (3 + 3), adds=2 * (2 + 3)
    )
    masked = price("aten::_masked_softmax_backward", S, S, S, -1)
    assert masked == price("aten::_softmax_backward_data", S, S, -1, 6)
    assert price("aten::_log_softmax_backward_data", S, S, -1, 6) == Ops(
        muls=2 * 3, adds=2 * (2 + 3), specials=2 * 3
    )

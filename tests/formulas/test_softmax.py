"""Softmax and its relations: rows times what a row of n asks for."""

import pytest
from helpers.asked import ask
from torch import Size, nn

from hookcount import Ops
from hookcount.rules.registry import target_name

S = Size([4, 5, 6])


def price(target, *args, out=S, **kwargs):
    return ask(target, *args, out=out, **kwargs)


def softmax(rows, n):
    return Ops(compares=rows * (n - 1), adds=rows * (n + n - 1), specials=rows * (n + n))


@pytest.mark.parametrize(("dim", "rows", "n"), [(-1, 4 * 5, 6), (1, 4 * 6, 5), (0, 5 * 6, 4)])
def test_rows_lie_along_dim(dim, rows, n):
    assert price("aten::_softmax", S, dim, False) == softmax(rows, n)
    assert price("aten::_safe_softmax", S, dim) == softmax(rows, n)
    assert price("aten::_masked_softmax", S, S, dim) == softmax(rows, n)
    assert price("aten::_log_softmax", S, dim, False) == Ops(
        compares=rows * (n - 1), adds=rows * (n + n - 1 + n), specials=rows * (n + 1)
    )


def test_softmax_of_a_scalar_and_of_nothing():
    assert price("aten::_softmax", Size([]), 0, False, out=Size([])) == softmax(1, 1)
    assert price("aten::_softmax", Size([3, 0]), 1, False, out=Size([3, 0])) == Ops()


def test_logsumexp_over_one_and_all():
    one_row = Ops(compares=5, adds=6 + 5 + 1, specials=6 + 1)
    assert price("aten::logsumexp", S, [-1], out=Size([4, 5])) == one_row * (4 * 5)
    assert price("aten::logsumexp", Size([2, 3]), [0, 1], out=Size([])) == one_row


def test_logcumsumexp_is_a_logaddexp_per_step():
    logaddexp = Ops(adds=3, compares=2, specials=2)
    assert price("aten::logcumsumexp", S, 2) == logaddexp * (4 * 5 * (6 - 1))


@pytest.mark.parametrize(
    ("module", "size", "expected"),
    [
        (nn.Softmax(1), Size([2, 3]), softmax(2, 3)),
        (nn.Softmax(), Size([2, 3]), softmax(2, 3)),  # without a dim: 1 of two dimensions
        (nn.Softmax(), Size([4, 5, 6]), softmax(5 * 6, 4)),  # and 0 of three
        (nn.Softmin(0), Size([2, 3]), softmax(3, 2) + Ops(adds=2 * 3)),
        (nn.Softmax2d(), Size([2, 3, 4, 5]), softmax(2 * 4 * 5, 3)),
        (nn.Softmax2d(), Size([3, 4, 5]), softmax(4 * 5, 3)),
    ],
)
def test_modules(module, size, expected):
    assert price(target_name(type(module)), module, size, out=size) == expected

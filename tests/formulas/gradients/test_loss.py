"""Gradients of losses over classes and sequences."""

import pytest
import torch
from helpers.asked import ask
from helpers.counted import Tally
from torch import Size
from torch.nn import functional as F

from hookcount import Ops

LOG_ADD = Ops(adds=3, compares=2, specials=2)


def test_nll():
    args = Size([]), Size([2, 3]), Size([2]), None, 1, -1, Size([])
    assert ask("aten::nll_loss_backward", *args) == Ops(adds=2, specials=2)


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_multi_margin(p, weighted):
    """All margins are violated here, so that each class takes part."""
    x = torch.rand(2, 4, dtype=torch.double, requires_grad=True)
    target = torch.tensor([1, 3])
    weight = torch.rand(4, dtype=torch.double) if weighted else None
    loss = F.multi_margin_loss(x, target, p, 2.0, weight, reduction="sum")
    (expected,) = torch.autograd.grad(loss, x)

    tally, found, c = Tally(), [], p / 4  # the factors of the power and of the mean over classes
    g = tally.of(1.0)
    for row, y in zip(x.tolist(), target.tolist(), strict=True):
        values = [tally.of(each) for each in row]
        made = {y: tally.of(0)}
        for i, each in enumerate(values):
            if i != y:
                z = 2.0 - values[y] + each
                assert z > 0
                made[i] = c * z if p == 2 else tally.of(c)
                made[i] = made[i] * weight[y].item() if weighted else made[i]
                made[y] = made[y] - made[i]
        found.append([(made[i] * g).value for i in range(4)])
    torch.testing.assert_close(torch.tensor(found, dtype=torch.double), expected)
    shape = None if weight is None else weight.shape
    args = Size(()), x.shape, target.shape, p, 2.0, shape, 2
    assert ask("aten::multi_margin_loss_backward", *args) == tally.ops


def test_ctc():
    """T steps of N sequences over C classes. Each target of S labels has 2 S + 1 states."""
    T, N, C, S = 5, 2, 7, 3
    states = N * (2 * S + 1)
    # a step of the recursion: the largest of three, 3 differences, exps and their sum, a log,
    # the largest and the probability added
    recursion = Ops(compares=2, adds=3 + 2 + 2, specials=3 + 1) * ((T - 1) * states)
    of_states = (Ops(adds=1) + LOG_ADD) * (T * states)
    of_classes = Ops(adds=3, muls=1, specials=2) * (T * N * C)
    shapes = Size((N,)), Size((T, N, C)), Size((N, S))
    op = "aten::_ctc_loss_backward"
    found = ask(op, *shapes, [5, 5], [3, 3], Size((N,)), Size((N, T, 2 * S + 1)), 0, False)
    assert found == recursion + of_states + of_classes

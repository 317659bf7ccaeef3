"""A check of values raises nothing in a shapes-only run. A value that decides more is needed."""

import contextlib

import pytest
import torch
from torch import distributions, nn
from torch.nn import functional

import hookcount


class Of(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function
        self.linear = nn.Linear(8, 4, bias=False)

    def forward(self, x):
        return self.function(self.linear(x))


def one(y):
    if torch.isnan(y).any():
        raise ValueError(f"not a number in {tuple(y.shape)}")
    return y.relu()


def negated(y):
    if not torch.isfinite(y).all():
        raise ValueError
    return y.relu()


def beside_a_flag(y, strict=True):
    if strict and (y != y).any():
        raise ValueError
    return y.relu()


def either(y):
    if y.dim() > 5 or (y != y).any():
        raise ValueError
    return y.relu()


def by_bool(y):
    if bool((y != y).any()):
        raise ValueError
    if not y.isfinite().all().item():
        raise ValueError
    return y.relu()


def in_a_block(y):
    with torch.no_grad(), contextlib.nullcontext():
        if (y != y).any():
            raise ValueError("not a number")
    return y.relu()


def raises_else(y):
    if (y == y).all():
        return y.relu()
    raise ValueError


def of_torch(y):
    return functional.gaussian_nll_loss(y, y, y.exp()) + y.relu()


def a_distribution(y):
    return distributions.Normal(y, y.exp()).log_prob(y) + y.relu()


_names = {}
exec(  # pytest would rewrite an assert of this file
    "def asserted(y):\n"
    "    assert y.isfinite().all(), 'not finite'\n"
    "    assert not (y != y).any()\n"
    "    return y.relu()\n",
    _names,
)
asserted = _names["asserted"]
CHECKS = (
    *(one, negated, asserted, beside_a_flag, either, by_bool, in_a_block, raises_else),
    *(of_torch, a_distribution),
)
X = torch.ones(2, 8)


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.inference_mode])
@pytest.mark.parametrize("check", CHECKS)
def test_a_check_raises_nothing(check, mode):
    with mode():
        shapes = hookcount.count(Of(check), X)
        real = hookcount.Counter(run="real").count(Of(check), X)
        meta = hookcount.count(Of(check).to("meta"), X.to("meta"))
    assert (shapes.run, meta.run) == ("shapes", "shapes")
    assert shapes.records == real.records == meta.records
    assert shapes.macs == 2 * 8 * 4


def a_branch(y):
    if (y > 0).any():
        return y.relu()
    return y.exp()


def a_branch_that_raises_later(y):
    if (y > 0).any():
        y = y.relu()
        if y.dim() > 5:
            raise ValueError
    return y


def caught(y):
    try:
        if (y == y).all():
            raise ValueError
    except ValueError:
        return y.relu()
    return y.exp()


def a_number(y):
    return y.relu() * y.sum().item()


def a_loop(y):
    while (y > 100).any():
        y = y.relu()
    return y


@pytest.mark.parametrize(
    "decides", [a_branch, a_branch_that_raises_later, caught, a_number, a_loop]
)
def test_a_value_that_decides_more_is_needed(decides):
    assert hookcount.count(Of(decides), X).run == "real"
    with pytest.raises(hookcount.DataNeededError, match="reads the value"):
        hookcount.count(Of(decides).to("meta"), X.to("meta"))

"""Gradients of pooling: loops over the windows that count each add, which autograd checks."""

import math

import pytest
import torch
from helpers.asked import ask
from torch import Size
from torch.nn import functional as F

from hookcount import Ops
from hookcount.formulas.gradients import pooling as pooling_backward


def test_backward():
    grad = Size((1, 2, 3, 3))
    assert ask(pooling_backward.max_pool_backward, grad, Size((1, 2, 6, 6)), out=None) == Ops(
        adds=18
    )
    assert ask(
        pooling_backward.avg_pool2d_backward, grad, Size((1, 2, 6, 6)), (2, 2), out=None
    ) == Ops(adds=18 * 4, specials=18)
    found = ask(pooling_backward.adaptive_avg_pool2d_backward, grad, Size((1, 2, 5, 5)), out=None)
    assert found == Ops(adds=2 * 7 * 7, specials=18)


def spread(grad, windows, size):
    """The gradient of averages over windows along two axes, with each operation counted."""
    made, adds, divisions = torch.zeros(size), 0, 0
    for row, (top, bottom) in enumerate(windows[0]):
        for column, (left, right) in enumerate(windows[1]):
            share = grad[row, column] / ((bottom - top) * (right - left))
            divisions += 1
            for y in range(top, bottom):
                for x in range(left, right):
                    made[y, x] += share
                    adds += 1
    return made, Ops(adds=adds, specials=divisions)


def windows_of(size, kernel, stride):
    return [(at, at + kernel) for at in range(0, size - kernel + 1, stride)]


def adaptive_windows(size, count):
    return [
        (math.floor(place * size / count), math.ceil((place + 1) * size / count))
        for place in range(count)
    ]


@pytest.mark.parametrize("stride", [(2, 2), (1, 3)])
def test_average_pool(stride):
    x, kernel = torch.rand(1, 1, 7, 8, requires_grad=True), (3, 2)
    out = F.avg_pool2d(x, kernel, stride)
    grad = torch.rand(out.shape)
    windows = [windows_of(*each) for each in zip(x.shape[2:], kernel, stride, strict=True)]
    made, expected = spread(grad[0, 0], windows, x.shape[2:])
    torch.testing.assert_close(made, *(each[0, 0] for each in torch.autograd.grad(out, x, grad)))
    args = kernel, stride, (0, 0), False, True, None
    assert ask("aten::avg_pool2d_backward", grad.shape, x.shape, *args) == expected


@pytest.mark.parametrize("sizes", [(3, 2), (5, 4), (7, 8)])
def test_adaptive_average_pool(sizes):
    x = torch.rand(1, 1, 7, 8, requires_grad=True)
    out = F.adaptive_avg_pool2d(x, sizes)
    grad = torch.rand(out.shape)
    windows = [adaptive_windows(*each) for each in zip(x.shape[2:], sizes, strict=True)]
    made, expected = spread(grad[0, 0], windows, x.shape[2:])
    torch.testing.assert_close(made, *(each[0, 0] for each in torch.autograd.grad(out, x, grad)))
    assert ask("aten::_adaptive_avg_pool2d_backward", grad.shape, x.shape) == expected


def test_three_axes_are_the_product_of_three_windows():
    grad, given = Size((2, 3, 2, 2, 2)), Size((2, 3, 4, 6, 8))
    args = (2, 3, 4), (2, 3, 4), (0,) * 3, False, True, None
    outputs = 2 * 3 * 2 * 2 * 2
    expected = Ops(adds=outputs * 2 * 3 * 4, specials=outputs)
    assert ask("aten::avg_pool3d_backward", grad, given, *args) == expected
    assert ask("aten::_adaptive_avg_pool3d_backward", grad, given) == expected
    one = ask("aten::avg_pool3d_backward", grad, given, (2,), (2,), (0,), False, True, None)
    assert one == Ops(adds=outputs * 2**3, specials=outputs)


def test_max_pool_adds_each_value_at_one_place():
    x = torch.rand(2, 3, 7, 7, requires_grad=True)
    out, places = F.max_pool2d(x, 3, 2, return_indices=True)
    grad = torch.rand(out.shape)
    made, adds = torch.zeros(2 * 3, 49), 0
    for channel, (values, where) in enumerate(
        zip(grad.view(6, -1), places.view(6, -1), strict=True)
    ):
        for value, place in zip(values, where, strict=True):
            made[channel, place] += value
            adds += 1
    torch.testing.assert_close(made.view(x.shape), *torch.autograd.grad(out, x, grad))
    kernel = (3, 3), (2, 2), (0, 0), (1, 1), False
    op = "aten::max_pool2d_with_indices_backward"
    assert ask(op, grad.shape, x.shape, *kernel, places.shape) == Ops(adds=adds)
    adaptive = ask("aten::adaptive_max_pool2d_backward", grad.shape, x.shape, places.shape)
    assert adaptive == Ops(adds=adds)

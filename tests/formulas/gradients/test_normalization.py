"""Gradients of normalizations: the derivation as ops, which autograd checks."""

import pytest
import torch
from helpers.against_ops import by_ops
from helpers.asked import ask
from torch import Size, nn
from torch.nn import functional as F

from hookcount import Ops
from hookcount.formulas.gradients import normalization as normalization_backward


def test_backward_counts_what_is_asked_for():
    grad, none = Size((2, 3, 4)), (None,) * 5
    args = (grad, grad, *none)
    assert ask(
        normalization_backward.batch_norm_backward,
        *args,
        False,
        1e-5,
        (True, False, False),
        out=None,
    ) == Ops(muls=24)
    assert ask(
        normalization_backward.batch_norm_backward,
        *args,
        True,
        1e-5,
        (False, False, True),
        out=None,
    ) == Ops(adds=24)
    # x^ again 1 + 1; g w x^, x^ times its mean, rstd: 3 muls; two sums, two subtractions: 4 adds;
    # dweight 1 + 1; dbias 1
    found = ask(
        normalization_backward.batch_norm_backward, *args, True, 1e-5, (True, True, True), out=None
    )
    assert found == Ops(adds=24 * (1 + 4 + 1 + 1), muls=24 * (1 + 3 + 1))
    weighted = ask(
        normalization_backward.layer_norm_backward,
        grad,
        grad,
        (4,),
        None,
        None,
        Size((4,)),
        None,
        (True,) * 3,
        out=None,
    )
    assert weighted == found + Ops(muls=24)


class Gradients(nn.Module):
    """dx, dweight, dbias of a layer norm or a batch norm, where x^ is made again.

    ``over``: the axis of the means. ``rest``: the axis of the weight's sum.
    """

    def __init__(self, over, rest, weighted):
        super().__init__()
        self.over, self.rest, self.weighted = over, rest, weighted

    def forward(self, grad, x, mean, rstd, weight):
        standard = (x - mean) * rstd
        scaled = grad * weight if self.weighted else grad
        inner = standard * (scaled * standard).mean(self.over, keepdim=True)
        dx = (scaled - scaled.mean(self.over, keepdim=True) - inner) * rstd
        return dx, (grad * standard).sum(self.rest), grad.sum(self.rest)


ROWS, COLUMNS = 3, 5
X, GRAD = torch.rand(2, ROWS, COLUMNS, generator=torch.Generator().manual_seed(0))
N = ROWS * COLUMNS


def moments(x, axis):
    variance, mean = torch.var_mean(x, axis, correction=0, keepdim=True)
    return mean, (variance + 1e-5).rsqrt()


def test_layer_norm_costs_the_derivation_which_gives_the_gradients_of_autograd():
    x, weight, bias = X.clone().requires_grad_(), *torch.rand(2, COLUMNS).requires_grad_()
    out = F.layer_norm(x, (COLUMNS,), weight, bias)
    expected = torch.autograd.grad(out, (x, weight, bias), GRAD)
    model, args = Gradients(1, 0, True), (GRAD, X, *moments(X, 1), weight.detach())
    torch.testing.assert_close(model(*args), expected)
    given = GRAD.shape, X.shape, (COLUMNS,), None, None, weight.shape, bias.shape, (True,) * 3
    found = ask("aten::native_layer_norm_backward", *given)
    # a sum of n is n - 1 adds, which the formula takes as n; it omits the division of a mean
    sums = Ops(adds=2 * ROWS + 2 * COLUMNS)
    assert found + Ops(specials=2 * ROWS) == by_ops(model, *args) + sums


def test_batch_norm_in_training_costs_the_derivation():
    """Its weight, per channel, is folded into rstd."""
    x, bias = X.clone().requires_grad_(), torch.rand(COLUMNS).requires_grad_()
    weight = torch.ones(COLUMNS).requires_grad_()
    out = F.batch_norm(x, None, None, weight, bias, training=True)
    expected = torch.autograd.grad(out, (x, weight, bias), GRAD)
    model, args = Gradients(0, 0, False), (GRAD, X, *moments(X, 0), weight.detach())
    torch.testing.assert_close(model(*args), expected)
    channel = weight.shape
    given = GRAD.shape, X.shape, channel, None, None, None, None, True, 1e-5, (True,) * 3
    found = ask("aten::native_batch_norm_backward", *given)
    sums = Ops(adds=4 * COLUMNS)
    assert found + Ops(specials=2 * COLUMNS) == by_ops(model, *args) + sums


def test_batch_norm_in_eval_scales_the_gradient():
    """dx = g (weight rstd), folded; dweight = sum(g x^); dbias = sum(g)."""
    grad, channel = Size((2, 3, 4)), Size((3,))
    found = ask(
        "aten::native_batch_norm_backward",
        *(grad, grad, channel, channel, channel, None, None, False, 1e-5, (True,) * 3),
    )
    assert found == Ops(muls=24) + Ops(adds=24 * 2, muls=24 * 2) + Ops(adds=24)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("mask", [(True, True, True), (True, False, False), (False, True, False)])
def test_batch_norm_by_its_other_names(training, mask):
    grad, channel = Size((2, 3, 4)), Size((3,))
    args = grad, grad, channel, channel, channel, channel, channel, training, 1e-5, mask
    expected = ask("aten::native_batch_norm_backward", *args)
    assert ask("aten::batch_norm_backward", *args, Size((0,))) == expected
    if training and all(mask):
        saved = channel, channel, channel, channel, channel
        cudnn = ask("aten::cudnn_batch_norm_backward", grad, grad, *saved, 1e-5, Size((0,)))
        miopen = ask("aten::miopen_batch_norm_backward", grad, grad, *saved, 1e-5)
        assert cudnn == miopen == expected


@pytest.mark.parametrize("weighted", [False, True])
def test_group_norm_costs_what_a_layer_norm_of_its_groups_costs(weighted):
    grad, weight = Size((2, 4, 9)), Size((4,)) if weighted else None
    args = grad, grad, None, None, weight, 2, 4, 9, 2, (True,) * 3
    rows = Size((2 * 2, 2 * 9))
    affine = Size((2 * 9,)) if weighted else None
    layer = rows, rows, (2 * 9,), None, None, affine, affine, (True,) * 3
    expected = ask("aten::native_layer_norm_backward", *layer)
    assert ask("aten::native_group_norm_backward", *args) == expected


def test_nothing_asked_for_costs_nothing():
    grad = Size((2, 4))
    args = grad, grad, (4,), None, None, None, None, (False,) * 3
    assert ask("aten::native_layer_norm_backward", *args) == Ops()


def test_weight_norm():
    """4 slices of 3. dg: 3 muls, 2 adds, a division; dv: 6 muls, 3 adds, 2 divisions, a mul."""
    v, g = Size((4, 3)), Size((4, 1))
    args = (v, v, g, g, 0)
    found = ask(normalization_backward.weight_norm_backward, *args, out=(v, g))
    assert found == Ops(adds=4 * (2 + 3), muls=4 * (3 + 6 + 1), specials=4 * 3)


def test_weight_norm_is_the_gradient_that_autograd_takes():
    """The formulas for dv and dg in the docstring, in float64."""
    v, g, grad = (torch.randn(4, *size, dtype=torch.float64) for size in ((3,), (1,), (3,)))
    v.requires_grad_()
    g.requires_grad_()
    w, _ = torch._weight_norm_interface(v, g, 0)
    dv, dg = torch.autograd.grad(w, (v, g), grad)
    norm = v.norm(dim=1, keepdim=True)
    by_hand = (grad * v).sum(1, keepdim=True) / norm
    torch.testing.assert_close(dg, by_hand)
    torch.testing.assert_close(dv, g / norm * grad - (g / norm * by_hand / norm) * v)


class RootMeanSquareGradients(nn.Module):
    """dx and dweight of an RMS norm, where x^ is made again."""

    def forward(self, x, weight, grad, rstd):
        normalized = x * rstd
        scaled = grad * weight
        mean = (scaled * normalized).sum(-1, keepdim=True) / x.shape[-1]
        return (scaled - normalized * mean) * rstd, (grad * normalized).sum(0)


def test_rms_norm():
    x, weight, grad = torch.rand(3, 8), torch.rand(8), torch.rand(3, 8)
    leaves = [each.requires_grad_() for each in (x, weight)]
    rstd = x.detach().pow(2).mean(-1, keepdim=True).rsqrt()
    module = RootMeanSquareGradients()
    out = F.rms_norm(x, (8,), weight, 0.0)
    for found, expected in zip(
        module(x, weight, grad, rstd), torch.autograd.grad(out, leaves, grad), strict=True
    ):
        torch.testing.assert_close(found, expected)
    args = grad.shape, x.shape, (8,), rstd.shape, weight.shape
    found = ask("aten::_fused_rms_norm_backward", *args, (True, True))
    # the sums have n - 1 adds, and a division per row is not counted
    by_op = by_ops(module, x, weight, grad, rstd)
    assert found + Ops(specials=3) == by_op + Ops(adds=3 + 8)
    only_x = ask("aten::_fused_rms_norm_backward", *args, (True, False))
    assert found == only_x + Ops(adds=24, muls=24)


def test_a_synchronized_batch_norm():
    """Sums of g and of g (x - mean), then (g - mean(g) - (x - mean) * a) * b."""
    x, channels = Size((2, 3, 4)), Size((3,))
    sums = ask("aten::batch_norm_backward_reduce", x, x, *[channels] * 3, True, True, True)
    assert sums == Ops(adds=3 * 24, muls=24)
    rest = ask("aten::batch_norm_backward_elemt", x, x, *[channels] * 6)
    assert rest == Ops(adds=3 * 24, muls=2 * 24)

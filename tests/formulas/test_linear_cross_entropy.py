"""A linear layer and its cross-entropy as one op: costs as the two apart."""

import pytest
import torch
from helpers.asked import ask
from torch import Size, nn

import hookcount
from hookcount import Ops
from hookcount.formulas.linear_cross_entropy import linear_cross_entropy

try:
    import torch.nn.modules.linear_cross_entropy
except ImportError:
    HAS_OPS = False
else:
    HAS_OPS = True

needs_ops = pytest.mark.skipif(not HAS_OPS, reason="this torch has no linear cross-entropy")

SCALAR = Size([])


def price(target, *args, out=SCALAR, **kwargs):
    return ask(target, *args, out=out, **kwargs)


@needs_ops
def test_linear_cross_entropy_in_chunks_costs_as_a_whole():
    log_softmax = Ops(compares=9, adds=10 + 9 + 10, specials=10 + 1) * 8
    expected = Ops(macs=8 * 5 * 10, adds=8 * 10) + log_softmax + Ops(adds=8 + 7, specials=1)
    args = (Size([8, 5]), Size([10, 5]), Size([8]), Size([10]), None)
    assert (
        price("torch_nn::_linear_cross_entropy_batch_chunked", *args, "mean", -100, 0.0) == expected
    )
    each = price("torch_nn::_linear_cross_entropy_batch_chunked_no_reduction", *args)
    assert each == Ops(macs=8 * 5 * 10, adds=8 * 10) + log_softmax + Ops(adds=8)


@needs_ops
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weight", [None, torch.ones(10)], ids=["", "weighted"])
@pytest.mark.parametrize(
    "target",
    [torch.zeros(8, dtype=torch.long), torch.rand(8, 10)],
    ids=["classes", "probabilities"],
)
def test_linear_cross_entropy_module_in_chunks_and_whole(target, weight, reduction):
    def total(options):
        module = nn.LinearCrossEntropyLoss(
            5, 10, bias=True, options=options, weight=weight, reduction=reduction
        )
        return hookcount.count(module, torch.rand(8, 5), target).total

    assert total(nn.LinearCrossEntropyOptions()) == total(None)


def cost(target, bias=None, weight=None, reduction="mean"):
    return linear_cross_entropy(Size([8, 5]), Size([10, 5]), target, bias, weight, reduction)


def as_modules(weight, reduction, target):
    """A linear layer and a cross-entropy one after the other, by hookcount's formulas for each."""
    logits = hookcount.count(nn.Linear(5, 10), torch.rand(8, 5)).total
    loss = nn.CrossEntropyLoss(weight, reduction=reduction)
    return logits + hookcount.count(loss, torch.rand(8, 10), target).total


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weight", [None, torch.ones(10)], ids=["", "weighted"])
def test_costs_of_the_layer_and_the_loss_one_after_the_other(weight, reduction):
    target = torch.zeros(8, dtype=torch.long)
    found = cost(target.shape, Size([10]), None if weight is None else weight.shape, reduction)
    assert found == as_modules(weight, reduction, target)


def test_without_a_bias_there_are_no_adds_for_it():
    assert cost(Size([8])) + Ops(adds=8 * 10) == cost(Size([8]), bias=Size([10]))


def test_probabilities_multiply_each_logit_and_add_up():
    log_softmax = Ops(compares=9, adds=10 + 9 + 10, specials=10 + 1) * 8
    expected = Ops(macs=8 * 5 * 10) + log_softmax + Ops(muls=8 * 10, adds=8 * 10)
    assert cost(Size([8, 10]), reduction="sum") == expected
    assert cost(Size([8, 10])) == expected + Ops(specials=1)
    weighted = cost(Size([8, 10]), weight=Size([10]), reduction="sum")
    assert weighted == expected + Ops(muls=8 * 10)

"""Softmax, distance and loss modules: the module's formula equals the sum of its ops."""

import pytest
import torch
from helpers.against_ops import assert_formula_matches_ops
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

shapes = st.lists(st.integers(1, 5), min_size=1, max_size=4)
factors = st.sampled_from([0.5, 1.0, 2.0])
reductions = st.sampled_from(["none", "mean", "sum"])
few = settings(max_examples=12, deadline=None)


def leaf(shape):
    return torch.rand(*shape)


@few
@given(shape=shapes, data=st.data())
def test_softmaxes(shape, data):
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    for cls in (nn.Softmax, nn.Softmin, nn.LogSoftmax):
        assert_formula_matches_ops(cls(dim), leaf(shape))


@few
@given(shape=st.lists(st.integers(1, 5), min_size=3, max_size=4))
def test_softmax2d(shape):
    assert_formula_matches_ops(nn.Softmax2d(), leaf(shape))


@few
@given(shape=shapes, order=st.sampled_from([1.0, 2.0, 3.0]), keepdim=st.booleans())
def test_pairwise_distance(shape, order, keepdim):
    assert_formula_matches_ops(
        nn.PairwiseDistance(order, keepdim=keepdim), leaf(shape), leaf(shape)
    )


@few
@given(shape=shapes, reduction=reductions, factor=factors)
def test_losses_of_two_alike(shape, reduction, factor):
    for module in (
        nn.MSELoss(reduction=reduction),
        nn.L1Loss(reduction=reduction),
        nn.HuberLoss(reduction=reduction, delta=factor),
        nn.SmoothL1Loss(reduction=reduction, beta=factor),
        nn.SmoothL1Loss(reduction=reduction, beta=0.0),
        nn.SoftMarginLoss(reduction=reduction),
        nn.BCELoss(reduction=reduction),
        nn.BCEWithLogitsLoss(reduction=reduction),
    ):
        assert_formula_matches_ops(module, leaf(shape), leaf(shape))


@few
@given(shape=shapes, reduction=reductions)
def test_losses_with_weights(shape, reduction):
    weight = torch.rand(shape[-1])
    for module in (
        nn.BCELoss(weight, reduction=reduction),
        nn.BCEWithLogitsLoss(weight, reduction=reduction),
        nn.BCEWithLogitsLoss(reduction=reduction, pos_weight=weight),
    ):
        assert_formula_matches_ops(module, leaf(shape), leaf(shape))


@pytest.mark.filterwarnings("ignore:reduction. 'mean':UserWarning")
@few
@given(
    shape=shapes,
    reduction=st.sampled_from(["none", "mean", "sum", "batchmean"]),
    log_target=st.booleans(),
)
def test_kl_div(shape, reduction, log_target):
    assert_formula_matches_ops(
        nn.KLDivLoss(reduction=reduction, log_target=log_target), leaf(shape), leaf(shape)
    )


@few
@given(
    samples=st.integers(1, 5),
    classes=st.integers(1, 6),
    places=st.lists(st.integers(1, 3), max_size=3),
    weighted=st.booleans(),
    reduction=reductions,
)
def test_nll(samples, classes, places, weighted, reduction):
    module = nn.NLLLoss(torch.rand(classes) if weighted else None, reduction=reduction)
    target = torch.zeros(samples, *places, dtype=torch.long)
    assert_formula_matches_ops(module, leaf([samples, classes, *places]), target)

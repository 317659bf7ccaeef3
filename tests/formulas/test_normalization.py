"""Normalizations: figures written out, and modules against their ops."""

import pytest
import torch
from helpers.against_ops import assert_formula_matches_ops, by_formula
from helpers.asked import ask
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Size, nn

from hookcount import Ops
from hookcount.core.ops import KINDS
from hookcount.formulas import normalization

BATCH = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
INSTANCE = {1: nn.InstanceNorm1d, 2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}


def space(draw, axes):
    return [draw(st.integers(2, 4)) for _ in range(axes)]


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_batch_norms_agree_with_their_ops(data):
    draw = data.draw
    axes = draw(st.integers(1, 3))
    module = BATCH[axes](3, affine=draw(st.booleans()), track_running_stats=draw(st.booleans()))
    module.train(draw(st.booleans()))
    assert_formula_matches_ops(module, torch.rand(2, 3, *space(draw, axes)))


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_instance_norms_agree_with_their_ops(data):
    draw = data.draw
    axes = draw(st.integers(1, 3))
    module = INSTANCE[axes](3, affine=draw(st.booleans()), track_running_stats=draw(st.booleans()))
    module.train(draw(st.booleans()))
    # in eval an older torch averages running statistics over the batch that nothing has changed
    kinds = (
        KINDS if module.training or not module.track_running_stats else ("macs", "muls", "compares")
    )
    given_ = torch.rand(*([] if draw(st.booleans()) else [2]), 3, *space(draw, axes))
    assert_formula_matches_ops(module, given_, kinds=kinds)


@settings(max_examples=20, deadline=None)
@given(
    leading=st.lists(st.integers(1, 4), min_size=1, max_size=2),
    affine=st.booleans(),
    bias=st.booleans(),
)
def test_layer_and_rms_norms_agree_with_their_ops(leading, affine, bias):
    given_ = torch.rand(*leading, 3, 5)
    assert_formula_matches_ops(nn.LayerNorm((3, 5), elementwise_affine=affine, bias=bias), given_)
    assert_formula_matches_ops(nn.RMSNorm(5, elementwise_affine=affine), given_)


@settings(max_examples=10, deadline=None)
@given(groups=st.sampled_from([1, 2, 4]), affine=st.booleans(), axes=st.integers(0, 2))
def test_group_norms_agree_with_their_ops(groups, affine, axes):
    assert_formula_matches_ops(
        nn.GroupNorm(groups, 4, affine=affine), torch.rand(2, 4, *[3] * axes)
    )


def test_cumulative_running_statistics():
    assert_formula_matches_ops(nn.BatchNorm2d(3, momentum=None), torch.rand(2, 3, 4, 4), meta=False)


def test_synchronized_batch_norm_costs_a_batch_norm():
    given_ = torch.rand(2, 3, 4, 4)
    assert by_formula(nn.SyncBatchNorm(3).eval(), given_) == by_formula(
        nn.BatchNorm2d(3).eval(), given_
    )
    assert_formula_matches_ops(nn.SyncBatchNorm(3).eval(), given_)


def test_lazy_batch_norm_after_its_first_call_is_a_batch_norm():
    lazy = nn.LazyBatchNorm2d()
    lazy(torch.rand(2, 3, 4, 4))
    assert by_formula(lazy.eval(), torch.rand(2, 3, 4, 4)) == Ops(adds=2 * 3 * 16, muls=2 * 3 * 16)


@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm_in_eval_is_a_scale_and_a_shift(affine):
    module = nn.BatchNorm2d(3, affine=affine).eval()
    assert by_formula(module, torch.rand(2, 3, 4, 4)) == Ops(adds=2 * 3 * 16, muls=2 * 3 * 16)


def test_instance_norm_by_running_statistics_is_a_scale_and_a_shift():
    module = nn.InstanceNorm2d(3, track_running_stats=True).eval()
    assert by_formula(module, torch.rand(2, 3, 4, 4)) == Ops(adds=2 * 3 * 16, muls=2 * 3 * 16)


def test_batch_norm_in_training_makes_statistics_and_keeps_them():
    # 3 channels of n = 2 * 16: mean n - 1 adds, a division; variance n, n - 1 adds, n muls, a
    # division; eps, a root, a division
    n = 2 * 16
    statistics = Ops(adds=(n - 1) + n + (n - 1) + 1, muls=n, specials=1 + 1 + 2) * 3
    update = Ops(adds=1, muls=2) * 2 * 3
    applied = Ops(adds=n, muls=n) * 3
    given_ = torch.rand(2, 3, 4, 4)
    assert by_formula(nn.BatchNorm2d(3), given_) == statistics + update + applied
    assert (
        by_formula(nn.BatchNorm2d(3, track_running_stats=False).eval(), given_)
        == statistics + applied
    )


def test_layer_norm():
    n, rows = 5, 2 * 3
    statistics = Ops(adds=(n - 1) + n + (n - 1) + 1, muls=n, specials=4) * rows
    given_ = torch.rand(2, 3, 5)
    assert by_formula(nn.LayerNorm(5, elementwise_affine=False), given_) == statistics + Ops(
        muls=30
    )
    assert by_formula(nn.LayerNorm(5, bias=False), given_) == statistics + Ops(muls=30 + 30)
    assert by_formula(nn.LayerNorm(5), given_) == statistics + Ops(muls=30 + 30, adds=30)


def test_group_norm_of_one_group_is_a_layer_norm_of_all_but_the_batch():
    found = ask(
        normalization.group_norm,
        Size((2, 4, 3, 3)),
        Size((4,)),
        Size((4,)),
        2,
        4,
        9,
        1,
        1e-5,
        out=None,
    )
    assert found == ask(
        normalization.layer_norm, Size((2, 36)), (36,), Size((36,)), Size((36,)), 1e-5, out=None
    )


def test_rms_norm():
    # a row of 5: squares, 4 adds, a division, eps, a root, a division, 5 muls, and 5 for the weight
    row = Ops(adds=4 + 1, muls=5 + 5, specials=1 + 2)
    assert by_formula(nn.RMSNorm(5, elementwise_affine=False), torch.rand(6, 5)) == row * 6
    assert by_formula(nn.RMSNorm(5), torch.rand(6, 5)) == row * 6 + Ops(muls=30)
    assert ask(
        normalization.rms_norm, Size((6, 5)), (5,), Size((5,)), 1e-5, out=None
    ) == row * 6 + Ops(muls=30)


def test_local_response_norm_is_observed():
    # squares, a mean of 2 per value, alpha, k, a power, a division
    n = 4 * 4 * 4
    assert by_formula(nn.LocalResponseNorm(2), torch.rand(1, 4, 4, 4)) == Ops(
        muls=n + n, adds=n + n, specials=n + n + n
    )


def test_weight_norm():
    # 4 slices of 3: squares, 2 adds, a root; a division per slice; and a mul per value
    assert ask(normalization.weight_norm, Size((4, 3)), Size((4, 1)), 0, out=None) == Ops(
        adds=4 * 2, muls=12 + 12, specials=4 + 4
    )


@pytest.mark.parametrize(
    "op", [normalization.batch_norm_no_training, normalization.batch_norm_elemt]
)
def test_ops_that_only_apply(op):
    assert ask(op, Size((2, 3, 4)), out=None) == Ops(adds=24, muls=24)


def test_ops_of_a_synchronized_layer_add_up_to_training():
    given_ = Size((2, 3, 4))
    together = ask(normalization.batch_norm_stats, given_, 1e-5, out=None) + ask(
        normalization.batch_norm_elemt, given_, out=None
    )
    assert together == ask(
        normalization.batch_norm_no_stats, given_, None, None, True, 0.1, 1e-5, out=None
    )
    kept = ask(normalization.batch_norm_update_stats, given_, None, None, 0.1, out=None)
    assert kept + ask(normalization.batch_norm_elemt, given_, out=None) == ask(
        normalization.batch_norm_with_update, given_, out=None
    )

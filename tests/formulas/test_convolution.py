"""Convolutions: figures written out, and modules against their ops."""

import pytest
import torch
from helpers.against_ops import assert_formula_matches_ops, by_formula
from helpers.asked import ask
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Size, nn

from hookcount import Ops
from hookcount.formulas import convolution

PLAIN = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}


def shape(*sizes):
    return Size(sizes)


def inputs(draw, axes, channels):
    space = [draw(st.integers(5, 7)) for _ in range(axes)]
    return torch.rand(*([] if draw(st.booleans()) else [2]), channels, *space)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_convolutions_agree_with_their_ops(data):
    draw = data.draw
    axes, groups = draw(st.integers(1, 3)), draw(st.sampled_from([1, 2, 4]))
    module = PLAIN[axes](
        4,
        8,
        draw(st.integers(1, 3)),
        stride=draw(st.integers(1, 2)),
        padding=draw(st.integers(0, 2)),
        dilation=draw(st.integers(1, 2)),
        groups=groups,
        bias=draw(st.booleans()),
        padding_mode=draw(st.sampled_from(["zeros", "circular", "replicate"])),
    )
    assert_formula_matches_ops(module, inputs(draw, axes, 4))


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_transposed_convolutions_agree_with_their_ops(data):
    draw = data.draw
    axes, stride = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    module = TRANSPOSED[axes](
        4,
        8,
        draw(st.integers(1, 3)),
        stride=stride,
        output_padding=draw(st.integers(0, stride - 1)),
        groups=draw(st.sampled_from([1, 2, 4])),
        bias=draw(st.booleans()),
    )
    assert_formula_matches_ops(module, inputs(draw, axes, 4))


@pytest.mark.parametrize("mode", ["reflect", "circular", "zeros"])
def test_padding_same_is_free_in_every_mode(mode):
    module = nn.Conv2d(2, 4, 3, padding="same", padding_mode=mode)
    assert by_formula(module, torch.rand(2, 8, 8)) == Ops(
        macs=4 * 8 * 8 * 2 * 3 * 3, adds=4 * 8 * 8
    )
    assert_formula_matches_ops(module, torch.rand(2, 8, 8))


def test_transposed_convolution_multiplies_by_the_positions_of_its_input():
    module = nn.ConvTranspose2d(2, 4, 3, stride=4)
    assert by_formula(module, torch.rand(1, 2, 5, 5)) == Ops(
        macs=2 * 5 * 5 * 4 * 3 * 3, adds=4 * 19 * 19
    )


def test_output_size_may_be_given():
    module = nn.ConvTranspose2d(2, 4, 3, stride=2)
    assert_formula_matches_ops(module, torch.rand(1, 2, 5, 5), output_size=[12, 12])


def test_lazy_convolution_after_its_first_call_is_a_convolution():
    lazy = nn.LazyConv2d(4, 3)
    lazy(torch.rand(1, 2, 5, 5))
    assert by_formula(lazy, torch.rand(1, 2, 5, 5)) == Ops(
        macs=4 * 3 * 3 * 2 * 3 * 3, adds=4 * 3 * 3
    )


INPUT, WEIGHT, BIAS, OUT = shape(2, 4, 8, 8), shape(6, 2, 3, 3), shape(6), shape(2, 6, 6, 6)
MACS, OUTPUTS = 2 * 6 * 6 * 6 * 2 * 3 * 3, 2 * 6 * 6 * 6


@pytest.mark.parametrize(
    ("formula", "args", "expected"),
    [
        (
            convolution.backend_convolution,
            (INPUT, WEIGHT, BIAS, 0, 1, 1, 2),
            Ops(macs=MACS, adds=OUTPUTS),
        ),
        (convolution.backend_convolution, (INPUT, WEIGHT, None, 0, 1, 1, 2), Ops(macs=MACS)),
        (
            convolution.kernel_convolution,
            (INPUT, WEIGHT, (3, 3), BIAS, 1, 0),
            Ops(macs=MACS, adds=OUTPUTS),
        ),
        (
            convolution.cudnn_convolution,
            (INPUT, WEIGHT, 0, 1, 1, 2, False, False, True),
            Ops(macs=MACS),
        ),
        (
            convolution.convolution_relu,
            (INPUT, WEIGHT, BIAS, 1, 0, 1, 2),
            Ops(macs=MACS, adds=OUTPUTS, compares=OUTPUTS),
        ),
        (
            convolution.convolution_add_relu,
            (INPUT, WEIGHT, OUT, 1, BIAS, 1, 0, 1, 2),
            Ops(macs=MACS, adds=2 * OUTPUTS, compares=OUTPUTS),
        ),
    ],
)
def test_op(formula, args, expected):
    assert ask(formula, *args, out=OUT) == expected


def test_transposed_ops():
    given_, weight, bias, out = shape(2, 4, 5, 5), shape(4, 3, 3, 3), shape(3), shape(2, 3, 11, 11)
    expected = Ops(macs=2 * 4 * 5 * 5 * 3 * 3 * 3, adds=2 * 3 * 11 * 11)
    assert (
        ask(convolution.slow_conv_transpose, given_, weight, (3, 3), bias, (2, 2), out=out)
        == expected
    )
    assert ask(convolution.miopen_convolution_transpose, given_, weight, bias, out=out) == expected
    assert ask(convolution.cudnn_convolution_transpose, given_, weight, out=out) == Ops(
        macs=expected.macs
    )


def test_conv_tbc():
    found = ask(
        convolution.conv_tbc, shape(7, 2, 3), shape(5, 3, 4), shape(4), 0, out=shape(3, 2, 4)
    )
    assert found == Ops(macs=3 * 2 * 4 * 5 * 3, adds=3 * 2 * 4)


@pytest.mark.parametrize("transposed", [False, True])
def test_backward_costs_the_forward_per_gradient_asked_for(transposed):
    small, large = shape(2, 4, 3, 3), shape(2, 4, 5, 5)
    given_, grad = (small, large) if transposed else (large, small)
    rest = (None, (1, 1), (0, 0), (1, 1), transposed, (0, 0), 1)
    once = 2 * 4 * 3 * 3 * 4 * 3 * 3
    found = ask(
        convolution.convolution_backward,
        grad,
        given_,
        shape(4, 4, 3, 3),
        *rest,
        (True, True, True),
        out=None,
    )
    assert found == Ops(macs=2 * once, adds=grad.numel() - 4)
    found = ask(
        convolution.convolution_backward,
        grad,
        given_,
        shape(4, 4, 3, 3),
        *rest,
        (False, True, False),
        out=None,
    )
    assert found == Ops(macs=once)


def test_backward_of_other_kernels():
    small, large, weight = shape(2, 4, 3, 3), shape(2, 4, 5, 5), shape(4, 4, 3, 3)
    once, bias = Ops(macs=2 * 4 * 3 * 3 * 4 * 3 * 3), Ops(adds=2 * 4 * 3 * 3 - 4)
    ones, zeros, whole = (1, 1), (0, 0), (True, True, True)
    slow = "aten::_slow_conv2d_backward.output_mask"
    assert ask(slow, small, large, weight, (3, 3), ones, zeros, whole) == once + once + bias
    mps = large, small, weight, zeros, ones, ones, 1
    assert ask("aten::mps_convolution_backward", *mps, whole) == once + once + bias
    mps = small, large, weight, zeros, zeros, ones, ones, 1
    transposed = "aten::mps_convolution_transpose_backward"
    assert ask(transposed, *mps, (True, True)) == once + once
    assert ask(transposed, *mps, (False, True)) == once


def test_fold_adds_where_windows_overlap():
    # 2 x 2 windows at steps of 1 on 3 x 3: 4 windows of 4 values each reach 9 positions; at steps
    # of 2 on 4 x 4 none overlap
    overlapping, apart = nn.Fold((3, 3), 2), nn.Fold((4, 4), 2, stride=2)
    assert by_formula(overlapping, torch.rand(1, 4, 4)) == Ops(adds=4 * 4 - 9)
    assert by_formula(apart, torch.rand(1, 4, 4)) == Ops()
    # padding of 1: each of the 4 corners' windows of 2 x 2 on 2 x 2 at steps of 2 keeps a single
    # value
    assert by_formula(nn.Fold((2, 2), 2, stride=2, padding=1), torch.rand(1, 4, 4)) == Ops()


def test_unfold_is_a_gather():
    assert by_formula(nn.Unfold(2), torch.rand(1, 2, 4, 4)) == Ops()

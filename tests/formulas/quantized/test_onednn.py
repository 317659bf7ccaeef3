"""The quantized ops of oneDNN: figures written out, each as its floating-point counterpart."""

from typing import ClassVar

import pytest
import torch
from helpers.against_ops import by_formula
from helpers.asked import ask
from torch import Size, nn

from hookcount import Ops
from hookcount.formulas.quantized import onednn as quantized_onednn

LINEAR = Ops(macs=2 * 3 * 4, adds=2 * 4)


def shape(*sizes):
    return Size(sizes)


class TestOneDNN:
    """oneDNN's ops."""

    scales: ClassVar = (0.1, 0, shape(9, 9), shape(4), shape(4))

    @pytest.mark.parametrize(("post", "extra"), [("none", Ops()), ("relu", Ops(compares=8))])
    def test_linear(self, post, extra):
        args = (shape(2, 3), *self.scales, shape(4), 0.1, 0, None, post, (), "")
        assert ask(quantized_onednn.qlinear, *args, out=shape(2, 4)) == LINEAR + extra

    def test_linear_with_a_sum(self):
        args = (
            shape(2, 3),
            *self.scales,
            shape(2, 4),
            shape(4),
            0.1,
            0,
            None,
            1.0,
            0,
            "sum",
            1.0,
            "relu",
            (),
            "",
        )
        assert ask(quantized_onednn.qlinear_binary, *args, out=shape(2, 4)) == LINEAR + Ops(
            adds=8, compares=8
        )

    def test_grouped_convolution_in_a_packed_layout(self):
        weight = shape(2, 3, 2, 3, 3)  # groups, outputs and inputs of a group, kernel
        args = (
            shape(2, 4, 5, 5),
            0.1,
            0,
            weight,
            shape(6),
            shape(6),
            shape(6),
            1,
            0,
            1,
            2,
            0.1,
            0,
            None,
            "none",
            (),
            "",
        )
        found = ask(quantized_onednn.qconv, *args, out=shape(2, 6, 3, 3))
        assert found == Ops(macs=2 * 6 * 9 * 2 * 9, adds=2 * 6 * 9)

    def test_linear_without_bias(self):
        args = (shape(2, 3), *self.scales, None, 0.1, 0, None, "none", (), "")
        assert ask(quantized_onednn.qlinear, *args, out=shape(2, 4)) == Ops(macs=LINEAR.macs)


CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


def convolution(axes, *, biased=True):
    """A convolution module, its input, and the arguments of the quantized op."""
    module = CONVOLUTIONS[axes](4, 6, 3, groups=2, bias=biased)
    given = torch.rand(2, 4, *[5] * axes)
    bias = shape(6) if biased else None
    quantized = given.shape, 0.1, 0, module.weight.shape, shape(6), shape(6)
    geometry = [1] * axes, [0] * axes, [1] * axes, 2, 0.1, 0, None
    return module, given, quantized, bias, geometry


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_convolution_costs_what_the_floating_point_module_costs(axes, biased):
    module, given, quantized, bias, geometry = convolution(axes, biased=biased)
    args = *quantized, bias, *geometry
    out = module(given).shape
    there = [op for op in (f"qconv{axes}d_pointwise", "qconv_pointwise") if _exists(op)]
    assert there
    for op in there:
        found = ask(f"onednn::{op}", *args, "none", (), "", out=out)
        assert found == by_formula(module, given), op
    relu = ask(quantized_onednn.qconv, *args, "relu", (), "", out=out)
    assert relu == by_formula(module, given) + Ops(compares=out.numel())


def _exists(op):
    return hasattr(torch.ops.onednn, op)


@pytest.mark.parametrize(("last", "compares"), [(None, 0), ("none", 0), ("relu", 1)])
@pytest.mark.parametrize("sum_", ["sum", "add"])
def test_convolution_with_a_sum(sum_, last, compares):
    module, given, quantized, bias, geometry = convolution(2)
    out = module(given).shape
    args = *quantized, out, bias, *geometry, 1.0, 0, sum_, 1.0, last, (), ""
    found = ask("onednn::qconv2d_pointwise.binary", *args, out=out)
    last_steps = Ops(adds=1, compares=compares) * out.numel()
    assert found == by_formula(module, given) + last_steps


def test_linear_costs_what_the_floating_point_module_costs():
    module, given = nn.Linear(3, 4), torch.rand(2, 5, 3)
    args = given.shape, 0.1, 0, shape(3, 4), shape(4), shape(4), shape(4), 0.1, 0, None
    found = ask("onednn::qlinear_pointwise", *args, "none", (), "", out=shape(2, 5, 4))
    assert found == by_formula(module, given)

"""Quantized ops: figures written out, each as its floating-point counterpart."""

from types import SimpleNamespace

import pytest
import torch
from helpers.against_ops import by_formula
from helpers.asked import ask
from torch import Size, nn

from hookcount import Ops
from hookcount.formulas import BUILTIN
from hookcount.formulas.quantized import layers as quantized


def shape(*sizes):
    return Size(sizes)


def packed(*weight, bias=True):
    return SimpleNamespace(shape=shape(*weight), bias=shape(weight[0]) if bias else None)


def price(name):
    return BUILTIN.get(name).price


LINEAR = Ops(macs=2 * 3 * 4, adds=2 * 4)


@pytest.mark.parametrize(
    ("name", "extra"),
    [
        ("linear", Ops()),
        ("linear_dynamic", Ops()),
        ("linear_relu", Ops(compares=8)),
        ("linear_relu_dynamic", Ops(compares=8)),
        ("linear_leaky_relu", Ops(compares=8, muls=8)),
        ("linear_tanh", Ops(adds=16, muls=8, specials=16)),
    ],
)
def test_linear(name, extra):
    rescaling = () if name.endswith("dynamic") else (0.1, 0)
    found = ask(f"quantized::{name}", shape(2, 3), packed(4, 3), *rescaling, out=shape(2, 4))
    assert found == LINEAR + extra


def test_linear_without_bias():
    found = ask("quantized::linear", shape(2, 3), packed(4, 3, bias=False), 0.1, 0, out=shape(2, 4))
    assert found == Ops(macs=2 * 3 * 4)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_convolutions(axes):
    given_, out, kernel = shape(2, 4, *[5] * axes), shape(2, 6, *[3] * axes), [3] * axes
    once = Ops(macs=2 * 6 * 3**axes * 2 * 3**axes, adds=2 * 6 * 3**axes)
    weight = packed(6, 2, *kernel)
    assert ask(f"quantized::conv{axes}d", given_, weight, 0.1, 0, out=out) == once
    assert ask(
        price(f"quantized::conv{axes}d_relu"), given_, weight, 0.1, 0, out=out
    ) == once + Ops(compares=out.numel())
    back = ask(
        price(f"quantized::conv_transpose{axes}d"),
        out,
        packed(6, 2, *kernel, bias=False),
        0.1,
        0,
        out=given_,
    )
    assert back == Ops(macs=once.macs)


def test_convolution_with_a_sum():
    args = shape(2, 4, 5, 5), shape(2, 6, 3, 3), packed(6, 2, 3, 3), 0.1, 0
    outputs, once = 2 * 6 * 9, Ops(macs=2 * 6 * 9 * 2 * 9, adds=2 * 6 * 9)
    assert ask(quantized.convolution_add, *args, out=shape(2, 6, 3, 3)) == once + Ops(adds=outputs)
    assert ask(quantized.convolution_add_relu, *args, out=shape(2, 6, 3, 3)) == once + Ops(
        adds=outputs, compares=outputs
    )


@pytest.mark.parametrize(
    ("name", "each"),
    [
        ("add", Ops(adds=1)),
        ("add_relu", Ops(adds=1, compares=1)),
        ("mul", Ops(muls=1)),
        ("relu6", Ops(compares=2)),
    ],
)
def test_element_by_element(name, each):
    others = () if name == "relu6" else (shape(2, 3), 0.1, 0)
    assert ask(f"quantized::{name}", shape(2, 3), *others, out=shape(2, 3)) == each * 6


def test_batch_norm_is_a_scale_and_a_shift():
    assert ask(quantized.batch_norm, shape(2, 3, 4), out=shape(2, 3, 4)) == Ops(adds=24, muls=24)
    assert ask(quantized.batch_norm_relu, shape(2, 3, 4), out=shape(2, 3, 4)) == Ops(
        adds=24, muls=24, compares=24
    )


def test_norms_as_their_counterparts():
    given_, affine = shape(2, 4, 9), shape(4)
    one = ask(quantized.group_norm, given_, 4, affine, affine, 1e-5, 0.1, 0, out=given_)
    assert one == ask(quantized.instance_norm, given_, affine, affine, 1e-5, 0.1, 0, out=given_)
    assert one == by_formula(nn.GroupNorm(4, 4), torch.rand(2, 4, 9))
    norm = ask(quantized.layer_norm, given_, (9,), shape(9), shape(9), 1e-5, 0.1, 0, out=given_)
    assert norm == by_formula(nn.LayerNorm(9), torch.rand(2, 4, 9))


def test_dynamically_quantized_model_counts_as_the_model():
    if "fbgemm" not in torch.backends.quantized.supported_engines:
        pytest.skip("this build of torch has no quantized engine")
    import warnings

    model, given_ = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 5)), torch.rand(2, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantized_model = torch.ao.quantization.quantize_dynamic(model, {nn.Linear})
    assert by_formula(quantized_model, given_) == by_formula(model, given_)

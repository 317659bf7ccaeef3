"""From floating point to quantized numbers and back: figures written out."""

import pytest
import torch
from helpers.against_ops import by_ops
from helpers.asked import ask
from torch import Size, nn

from hookcount import FREE, Ops
from hookcount.formulas import BUILTIN
from hookcount.formulas.quantized import quantization


def shape(*sizes):
    return Size(sizes)


# times 1 / scale, rounded, plus the zero point, two bounds; minus the zero point, times the scale
QUANTIZE, DEQUANTIZE = Ops(adds=1, muls=1, compares=2, specials=1), Ops(adds=1, muls=1)


class There(nn.Module):
    """To quantized numbers and back."""

    def forward(self, x):
        return torch.quantize_per_tensor(x, 0.1, 0, torch.quint8).dequantize()


class Fake(nn.Module):
    """To quantized numbers and back, staying in floating point."""

    def forward(self, x):
        return torch.fake_quantize_per_tensor_affine(x, 0.1, 0, 0, 255)


def test_quantizing_and_back():
    assert by_ops(There(), torch.rand(2, 3)) == (QUANTIZE + DEQUANTIZE) * 6
    assert by_ops(Fake(), torch.rand(2, 3)) == (QUANTIZE + DEQUANTIZE) * 6


def test_quantizing_a_list_counts_each():
    assert (
        ask(quantization.quantize, (shape(2), shape(3)), None, None, None, out=(shape(2), shape(3)))
        == QUANTIZE * 5
    )


@pytest.mark.parametrize("name", ["per_tensor", "per_channel"])
def test_each_element_costs_the_same_however_scales_are_given(name):
    scales = (0.1, 0) if name == "per_tensor" else (shape(2), shape(2), 0)
    op = f"aten::quantize_{name}"
    assert ask(op, shape(2, 3), *scales, torch.quint8, out=shape(2, 3)) == QUANTIZE * 6


def test_its_own_extremes_are_two_compares_an_element():
    args = shape(2, 3), torch.quint8, False
    found = ask("aten::quantize_per_tensor_dynamic", *args, out=shape(2, 3))
    assert found == (QUANTIZE + Ops(compares=2)) * 6


def test_dequantizing_a_list_counts_each():
    lists = (shape(2), shape(3))
    assert ask(quantization.dequantize, lists, out=lists) == DEQUANTIZE * 5
    assert ask(quantization.dequantize, shape(2, 3), out=shape(2, 3)) == DEQUANTIZE * 6


class InParts(nn.Module):
    """Fake quantization of element-wise ops."""

    def forward(self, x):
        whole = torch.clamp(torch.round(x * 10.0) + 3.0, 0, 255)
        return (whole - 3.0) * 0.1


def test_fake_quantization_costs_its_parts():
    """A mul, a rounding, an add and two bounds; a subtraction and a mul."""
    x = torch.rand(2, 3)
    torch.testing.assert_close(
        InParts()(x), torch.fake_quantize_per_tensor_affine(x, 0.1, 3, 0, 255)
    )
    assert by_ops(InParts(), x) == (QUANTIZE + DEQUANTIZE) * 6
    bounds = 0, 255
    per_tensor = shape(2, 3), shape(1), shape(1)
    per_channel = shape(2, 3), shape(2), shape(2), 0
    for op, args in {
        "fake_quantize_per_tensor_affine_cachemask": (shape(2, 3), 0.1, 0),
        "fake_quantize_per_channel_affine_cachemask": per_channel,
        "_fake_quantize_learnable_per_tensor_affine": per_tensor,
        "_fake_quantize_learnable_per_channel_affine": per_channel,
    }.items():
        assert ask(f"aten::{op}", *args, *bounds) == by_ops(InParts(), x), op


def test_observing_first_is_two_compares_an_element_more():
    ones = shape(1)
    args = shape(2, 3), ones, ones, ones, ones, ones, ones, 0.01, 0, 255, 0
    found = ask("aten::_fused_moving_avg_obs_fq_helper", *args)
    assert found == (QUANTIZE + DEQUANTIZE + Ops(compares=2)) * 6


def test_asking_and_making_is_free():
    for name in ("int_repr", "q_scale", "q_zero_point", "_make_per_tensor_quantized_tensor"):
        assert BUILTIN.get(f"aten::{name}").price is FREE

    class Asks(nn.Module):
        def forward(self, x):
            quantized = torch.quantize_per_tensor(x, 0.1, 0, torch.quint8)
            return quantized.int_repr(), quantized.q_scale()

    assert by_ops(Asks(), torch.rand(2, 3)) == QUANTIZE * 6


@pytest.mark.parametrize("name", ["per_tensor", "per_channel"])
def test_gradients_of_the_scale_and_the_zero_point(name):
    """The quantized value again; (q - x) / scale times g, added up; -scale times g, added up."""
    x, one = shape(2, 3), shape(1)
    axis = [0] if name == "per_channel" else []
    op = f"aten::_fake_quantize_learnable_{name}_affine_backward"
    expected = QUANTIZE + DEQUANTIZE + Ops(adds=1 + 1, muls=2) + Ops(adds=1, muls=1)
    assert ask(op, x, x, one, one, *axis, 0, 255) == expected * 6

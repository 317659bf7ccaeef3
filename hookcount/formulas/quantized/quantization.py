"""From floating point to quantized numbers and back, for real or only in effect."""

from __future__ import annotations

from math import prod
from typing import Any

from torch import Size

from ...core.ops import Ops
from ..builtin import formula, free

QUANTIZE = Ops(adds=1, muls=1, compares=2, specials=1)
"""clamp(round(x * inverse scale) + zero point): a mul, a rounding, an add, two bounds."""

DEQUANTIZE = Ops(adds=1, muls=1)
"""(q - zero point) * scale."""


@formula("aten::quantize_per_tensor", kind="elementwise")
@formula("aten::quantize_per_channel", kind="elementwise")
def quantize(out: Any) -> Ops:
    """[*] = quantize([*]): see ``QUANTIZE``, per element; a list of tensors each."""
    return QUANTIZE * _elements(out)


@formula("aten::quantize_per_tensor_dynamic", kind="elementwise")
def quantize_dynamic(out: Size) -> Ops:
    """[*] = quantize([*]) by its own smallest and largest value: 2 compares per element more than ``quantize``."""
    return (QUANTIZE + Ops(compares=2)) * prod(out)


@formula("aten::dequantize", kind="elementwise")
def dequantize(out: Any) -> Ops:
    """[*] = dequantize([*]): see ``DEQUANTIZE``, per element; a list of tensors each."""
    return DEQUANTIZE * _elements(out)


def _elements(out: Any) -> int:
    return prod(out) if isinstance(out, Size) else sum(prod(each) for each in out)


@formula("aten::fake_quantize_per_tensor_affine_cachemask", kind="elementwise")
@formula("aten::_fake_quantize_per_tensor_affine_cachemask_tensor_qparams", kind="elementwise")
@formula("aten::fake_quantize_per_channel_affine_cachemask", kind="elementwise")
@formula("aten::_fake_quantize_learnable_per_tensor_affine", kind="elementwise")
@formula("aten::_fake_quantize_learnable_per_channel_affine", kind="elementwise")
def fake_quantize(self: Size) -> Ops:
    """[*] = dequantize(quantize([*])): both, per element."""
    return (QUANTIZE + DEQUANTIZE) * prod(self)


@formula("aten::_fused_moving_avg_obs_fq_helper", kind="elementwise")
@formula("aten::_fused_moving_avg_obs_fq_helper_functional", kind="elementwise")
def observe_and_fake_quantize(self: Size) -> Ops:
    """[*] = dequantize(quantize([*])), its smallest and largest value observed first: 2 compares per element."""
    return (QUANTIZE + DEQUANTIZE + Ops(compares=2)) * prod(self)


free(
    [
        "aten::int_repr",
        "aten::q_scale",
        "aten::q_zero_point",
        "aten::q_per_channel_scales",
        "aten::q_per_channel_zero_points",
        "aten::q_per_channel_axis",
        "aten::_make_per_tensor_quantized_tensor",
        "aten::_make_per_channel_quantized_tensor",
        "aten::_empty_affine_quantized",
        "aten::_empty_per_channel_affine_quantized",
        "aten::empty_quantized",
    ]
)

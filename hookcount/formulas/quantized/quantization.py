"""Quantization, dequantization, and fake quantization: both in a row, in floating point."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Size

from ...core.ops import Ops
from ..builtin import formula, free

QUANTIZE = Ops(adds=1, muls=1, compares=2, specials=1)
"""clamp(round(x * inverse scale) + zero point): a mul, a rounding, an add, 2 compares."""

DEQUANTIZE = Ops(adds=1, muls=1)
"""(q - zero point) * scale: a subtraction and a mul."""


@formula("aten::quantize_per_tensor", kind="elementwise")
@formula("aten::quantize_per_channel", kind="elementwise")
def quantize(out: Size | Sequence[Size]) -> Ops:
    """[*] = quantize([*]): ``QUANTIZE`` per element, also of a list of tensors."""
    return QUANTIZE * _elements(out)


@formula("aten::quantize_per_tensor_dynamic", kind="elementwise")
def quantize_dynamic(out: Size) -> Ops:
    """[*] = quantize([*]): ``QUANTIZE`` per element, and 2 compares.

    The compares find the smallest and the largest value, which give the scale.
    """
    return (QUANTIZE + Ops(compares=2)) * prod(out)


@formula("aten::dequantize", kind="elementwise")
def dequantize(out: Size | Sequence[Size]) -> Ops:
    """[*] = dequantize([*]): ``DEQUANTIZE`` per element, also of a list of tensors."""
    return DEQUANTIZE * _elements(out)


def _elements(out: Size | Sequence[Size]) -> int:
    return prod(out) if isinstance(out, Size) else sum(prod(each) for each in out)


@formula("aten::fake_quantize_per_tensor_affine_cachemask", kind="elementwise")
@formula("aten::_fake_quantize_per_tensor_affine_cachemask_tensor_qparams", kind="elementwise")
@formula("aten::fake_quantize_per_channel_affine_cachemask", kind="elementwise")
@formula("aten::_fake_quantize_learnable_per_tensor_affine", kind="elementwise")
@formula("aten::_fake_quantize_learnable_per_channel_affine", kind="elementwise")
def fake_quantize(self: Size) -> Ops:
    """[*] = dequantize(quantize([*])): ``QUANTIZE`` and ``DEQUANTIZE`` per element."""
    return (QUANTIZE + DEQUANTIZE) * prod(self)


@formula("aten::_fake_quantize_learnable_per_tensor_affine_backward", kind="gradient")
@formula("aten::_fake_quantize_learnable_per_channel_affine_backward", kind="gradient")
def learnable_fake_quantize_backward(self: Size) -> Ops:
    """[*], [s], [s] = gradients of q = fake_quantize([*]), of its scale and of its zero point.

    - That of x is g inside the range: free, as the tests are those of ``QUANTIZE``. q is computed
      again, by ``QUANTIZE`` and ``DEQUANTIZE``.
    - That of the scale is the sum of g (q - x) / scale inside the range: an add, 2 muls, an add.
    - That of the zero point is the sum of -g scale outside of the range: a mul and an add.
    """
    return (QUANTIZE + DEQUANTIZE + Ops(adds=3, muls=3)) * prod(self)


@formula("aten::_fused_moving_avg_obs_fq_helper", kind="elementwise")
@formula("aten::_fused_moving_avg_obs_fq_helper_functional", kind="elementwise")
def observe_and_fake_quantize(self: Size) -> Ops:
    """[*] = dequantize(quantize([*])): both per element, and 2 compares.

    The compares observe the smallest and the largest value first.
    """
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

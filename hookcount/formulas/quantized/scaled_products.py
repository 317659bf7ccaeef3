"""Matrix products of scaled, grouped and low-bit operands, as large language models run them."""

from __future__ import annotations

from math import prod
from typing import Any

from torch import Size

from ...core.ops import Ops
from ..arithmetic import SIGMOID, matmul
from ..arithmetic import bias as bias_adds
from ..builtin import formula


def _scaled(product: Ops, outputs: int, bias: Any, scales: int = 2) -> Ops:
    """A product of scaled operands: one mul per output for each scale, whether of the tensor, of rows or of blocks."""
    ops = product + Ops(muls=scales * outputs)
    return ops if bias is None else ops + bias_adds(outputs)


@formula("aten::_scaled_mm", kind="linear")
def scaled_mm(
    self: Size, mat2: Size, bias: Any = None, scale_result: Any = None, *, out: Size
) -> Ops:
    """[m, n] = (scale_a * [m, k]) @ (scale_b * [k, n]) + bias, over 8-bit floats; the scales are 2 muls per output.

    ``scale_result``, where it is given, is another. Rounding the result to its dtype is a cast: free.
    """
    return _scaled(
        matmul(self[0], self[1], mat2[1]), prod(out), bias, 2 if scale_result is None else 3
    )


@formula("aten::_scaled_mm_v2", kind="linear")
def scaled_mm_v2(self: Size, mat2: Size, scale_a: Any, scale_b: Any, bias: Any, out: Size) -> Ops:
    """[m, n] = (scale_a * [m, k]) @ (scale_b * [k, n]) + bias: as ``_scaled_mm``; k is twice the stored one for packed 4 bits."""
    inner = max(self[1], mat2[0])
    return _scaled(matmul(out[0], inner, out[1]), prod(out), bias, len(scale_a) + len(scale_b))


@formula("aten::_scaled_addmm", kind="linear")
def scaled_addmm(
    self: Size, mat1: Size, mat2: Size, scale_a: Any, *, scale_b: Any, out: Size
) -> Ops:
    """[m, n] = self + (scale_a * [m, k]) @ (scale_b * [k, n]): as ``_scaled_mm_v2`` with ``self`` for a bias."""
    return _scaled(
        matmul(out[0], max(mat1[1], mat2[0]), out[1]), prod(out), self, len(scale_a) + len(scale_b)
    )


def product_by_group(self: Size, mat2: Size) -> Ops:
    """The products of a grouped matrix product, however its groups divide the split axis.

    [b, m, k] @ [b, k, n], or with groups along an axis: [M, k] @ [g, k, n] over M, [g, m, k] @ [k, N] over N,
    [m, K] @ [K, n] over K. Each row, column or depth belongs to one group, so that only the split axis' total counts.
    """
    if len(self) == 3 and len(mat2) == 2:
        return matmul(self[1], self[2], mat2[1])
    return matmul(prod(self[:-1]), self[-1], mat2[-1])


@formula("aten::_grouped_mm", kind="linear")
def grouped_mm(self: Size, mat2: Size, bias: Any = None, *, out: Size) -> Ops:
    """[m, n] = [m, k] @ [g, k, n], a product per group (see ``product_by_group``), and the bias.

    Rows beyond the last offset are counted: shapes do not tell.
    """
    ops = product_by_group(self, mat2)
    return ops if bias is None else ops + bias_adds(prod(out))


@formula("aten::_scaled_grouped_mm", kind="linear")
def scaled_grouped_mm(self: Size, mat2: Size, bias: Any = None, *, out: Size) -> Ops:
    """[m, n] = (scale_a * [m, k]) @ (scale_b * [g, k, n]) per group: ``_grouped_mm`` and 2 muls per output."""
    return _scaled(product_by_group(self, mat2), prod(out), bias)


@formula("aten::_scaled_grouped_mm_v2", kind="linear")
def scaled_grouped_mm_v2(
    self: Size, mat2: Size, scale_a: Any, scale_b: Any, bias: Any = None, *, out: Size
) -> Ops:
    """[m, n] = (scale_a * [m, k]) @ (scale_b * [g, k, n]) per group: as ``_scaled_grouped_mm``."""
    return _scaled(product_by_group(self, mat2), prod(out), bias, len(scale_a) + len(scale_b))


@formula("aten::_weight_int8pack_mm", kind="linear")
def weight_int8pack_mm(self: Size, out: Size) -> Ops:
    """[m, n] = [m, k] @ int8 [n, k]^T * scale per column: m * k * n, and a mul per output for the scale."""
    return _scaled(matmul(self[0], self[1], out[1]), prod(out), None, 1)


@formula("aten::_weight_int4pack_mm", kind="linear")
@formula("aten::_weight_int4pack_mm_for_cpu", kind="linear")
@formula("aten::_weight_int4pack_mm_with_scales_and_zeros", kind="linear")
def weight_int4pack_mm(self: Size, out: Size) -> Ops:
    """[m, n] = [m, k] @ dequantized int4 [n, k]^T: m * k * n; each weight is scaled and shifted once: n * k muls and adds.

    The packed weight's shape is a storage layout, so n is read off the output and k off the input.
    """
    weights = self[1] * out[1]
    return matmul(self[0], self[1], out[1]) + Ops(adds=weights, muls=weights)


@formula("aten::_dyn_quant_matmul_4bit", kind="linear")
def dyn_quant_matmul_4bit(block_size: int, in_features: int, out_features: int, out: Size) -> Ops:
    """[*, n] = [*, k] @ packed int4 [n, k]^T: numel(out) * k; the scales are folded into one mul per output and block."""
    blocks = -(-in_features // block_size) if block_size > 0 else 1
    return matmul(prod(out) // out_features, in_features, out_features) + Ops(
        muls=prod(out) * blocks
    )


@formula("aten::_mixed_dtypes_linear", kind="linear")
def mixed_dtypes_linear(
    input: Size, *, bias: Any = None, activation: str | None = None, out: Size
) -> Ops:
    """[*, n] = act([*, k] @ int weight * scale + bias): numel(out) * k, a mul per output for the scale, relu or silu if named."""
    outputs = prod(out)
    ops = _scaled(matmul(prod(input[:-1]), input[-1], out[-1]), outputs, bias, 1)
    return ops + _ACTIVATIONS[activation or "none"] * outputs


_ACTIVATIONS = {"none": Ops(), "relu": Ops(compares=1), "silu": SIGMOID + Ops(muls=1)}

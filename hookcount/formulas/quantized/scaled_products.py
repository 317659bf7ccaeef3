"""Matrix products of scaled, grouped and low-bit operands, as in large language models."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Size

from ...core.ops import Ops
from ..arithmetic import SIGMOID, matmul
from ..arithmetic import bias as bias_adds
from ..builtin import formula


def _scaled(product: Ops, outputs: int, bias: Size | None, scales: int = 2) -> Ops:
    """A product of scaled operands: one mul per output for each scale, and the bias.

    A scale of a tensor, of its rows or of blocks costs the same.
    """
    ops = product + Ops(muls=scales * outputs)
    return ops if bias is None else ops + bias_adds(outputs)


@formula("aten::_scaled_mm", kind="linear")
def scaled_mm(
    self: Size, mat2: Size, bias: Size | None = None, scale_result: Size | None = None, *, out: Size
) -> Ops:
    """[m, n] = (scale_a * [m, k]) @ (scale_b * [k, n]) + bias: m * k * n, of 8-bit floats.

    The two scales are 2 muls per output, and ``scale_result`` is one more if it is given. The
    result's rounding to its dtype is a cast, which is free.
    """
    return _scaled(
        matmul(self[0], self[1], mat2[1]), prod(out), bias, 2 if scale_result is None else 3
    )


@formula("aten::_scaled_mm_v2", kind="linear")
def scaled_mm_v2(
    self: Size,
    mat2: Size,
    scale_a: Sequence[Size],
    scale_b: Sequence[Size],
    bias: Size | None,
    out: Size,
) -> Ops:
    """[m, n] = (scale_a * [m, k]) @ (scale_b * [k, n]) + bias: as ``scaled_mm``.

    For packed 4-bit numbers k is twice the stored size.
    """
    inner = max(self[1], mat2[0])
    return _scaled(matmul(out[0], inner, out[1]), prod(out), bias, len(scale_a) + len(scale_b))


@formula("aten::_scaled_addmm", kind="linear")
def scaled_addmm(
    self: Size,
    mat1: Size,
    mat2: Size,
    scale_a: Sequence[Size],
    *,
    scale_b: Sequence[Size],
    out: Size,
) -> Ops:
    """[m, n] = self + (scale_a * [m, k]) @ (scale_b * [k, n]): ``self`` is a bias."""
    return _scaled(
        matmul(out[0], max(mat1[1], mat2[0]), out[1]), prod(out), self, len(scale_a) + len(scale_b)
    )


def product_by_group(self: Size, mat2: Size) -> Ops:
    """[*] = a matrix product by groups, whatever the sizes of the groups.

    A batch is [b, m, k] @ [b, k, n]. Groups along an axis are one of three products:

    - [M, k] @ [g, k, n], with groups of rows along M;
    - [g, m, k] @ [k, N], with groups of columns along N;
    - [m, K] @ [K, n], with groups along the inner axis K.

    Each index of the split axis is in one group, so only the axis' total size matters.
    """
    if len(self) == 3 and len(mat2) == 2:
        return matmul(self[1], self[2], mat2[1])
    return matmul(prod(self[:-1]), self[-1], mat2[-1])


@formula("aten::_grouped_mm", kind="linear")
def grouped_mm(self: Size, mat2: Size, bias: Size | None = None, *, out: Size) -> Ops:
    """[m, n] = [m, k] @ [g, k, n] + bias: a product per group, see ``product_by_group``.

    Rows beyond the last offset are counted, as shapes do not show the offsets.
    """
    ops = product_by_group(self, mat2)
    return ops if bias is None else ops + bias_adds(prod(out))


@formula("aten::_scaled_grouped_mm", kind="linear")
def scaled_grouped_mm(self: Size, mat2: Size, bias: Size | None = None, *, out: Size) -> Ops:
    """[m, n] = (scale_a * [m, k]) @ (scale_b * [g, k, n]) + bias, per group.

    This is ``grouped_mm``, and 2 muls per output for the scales.
    """
    return _scaled(product_by_group(self, mat2), prod(out), bias)


@formula("aten::_scaled_grouped_mm_v2", kind="linear")
def scaled_grouped_mm_v2(
    self: Size,
    mat2: Size,
    scale_a: Sequence[Size],
    scale_b: Sequence[Size],
    bias: Size | None = None,
    *,
    out: Size,
) -> Ops:
    """[m, n] = (scale_a * [m, k]) @ (scale_b * [g, k, n]) + bias, per group.

    This is ``grouped_mm``, and a mul per output for each scale.
    """
    return _scaled(product_by_group(self, mat2), prod(out), bias, len(scale_a) + len(scale_b))


@formula("aten::_weight_int8pack_mm", kind="linear")
def weight_int8pack_mm(self: Size, out: Size) -> Ops:
    """[m, n] = [m, k] @ int8 [n, k]^T * scale per column: m * k * n, and a mul per output."""
    return _scaled(matmul(self[0], self[1], out[1]), prod(out), None, 1)


@formula("aten::_weight_int4pack_mm", kind="linear")
@formula("aten::_weight_int4pack_mm_for_cpu", kind="linear")
@formula("aten::_weight_int4pack_mm_with_scales_and_zeros", kind="linear")
def weight_int4pack_mm(self: Size, out: Size) -> Ops:
    """[m, n] = [m, k] @ dequantized int4 [n, k]^T: m * k * n, and n * k muls and adds.

    Each weight is scaled and shifted once. The shape of the packed weight is a storage layout, so
    n comes from the output and k from the input.
    """
    weights = self[1] * out[1]
    return matmul(self[0], self[1], out[1]) + Ops(adds=weights, muls=weights)


@formula("aten::_dyn_quant_matmul_4bit", kind="linear")
def dyn_quant_matmul_4bit(block_size: int, in_features: int, out_features: int, out: Size) -> Ops:
    """[*, n] = [*, k] @ packed int4 [n, k]^T: numel(out) * k, and the scales.

    The scales are folded into one mul per output and block.
    """
    blocks = -(-in_features // block_size) if block_size > 0 else 1
    return matmul(prod(out) // out_features, in_features, out_features) + Ops(
        muls=prod(out) * blocks
    )


@formula("aten::_mixed_dtypes_linear", kind="linear")
def mixed_dtypes_linear(
    input: Size, *, bias: Size | None = None, activation: str | None = None, out: Size
) -> Ops:
    """[*, n] = act([*, k] @ int [n, k]^T * scale + bias): numel(out) * k, and a mul per output.

    ``activation`` is relu or silu, or none.
    """
    outputs = prod(out)
    ops = _scaled(matmul(prod(input[:-1]), input[-1], out[-1]), outputs, bias, 1)
    return ops + _ACTIVATIONS[activation or "none"] * outputs


_ACTIVATIONS = {"none": Ops(), "relu": Ops(compares=1), "silu": SIGMOID + Ops(muls=1)}

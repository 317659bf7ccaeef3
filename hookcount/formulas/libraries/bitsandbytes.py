"""bitsandbytes, by name: its 8-bit and 4-bit linear layers, and the ops as which they run.

A layer costs as much as its float counterpart, plus the casts to few bits and back. Since version
0.46 the layers run as ops, whose schemas are in ``bitsandbytes/_ops.py``. Older versions call
their kernels outside of torch's dispatcher, so the layers have formulas of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Protocol

from torch import Size

from ...core.ops import NOTHING, Ops
from ..arithmetic import bias as bias_adds
from ..arithmetic import matmul
from ..builtin import formula

CODES_4, CODES_8 = 4, 8
"""The compares of a binary search for the nearest of 16 codes, and of 256 codes."""


class LowBitLinear(Protocol):
    """The attributes of a linear layer of bitsandbytes that its formula reads."""

    in_features: int
    out_features: int
    bias: object


def _biased(bias: object, outputs: int) -> Ops:
    return NOTHING if bias is None else bias_adds(outputs)


def by_rows(rows: int, n: int) -> Ops:
    """int8 [rows, n] = round(x * 127 / max |x|), by rows of x, [rows, n].

    Per row n abs, n - 1 compares, a division, n muls and n roundings.
    """
    return Ops(muls=n, compares=n + max(n - 1, 0), specials=1 + n) * rows


def to_codes(elements: int, blocks: int, compares: int) -> Ops:
    """[*] = the code nearest to x / max |x|, by blocks of x, [*].

    Per element an abs, a compare, a mul, and the ``compares`` of the search. Per block a division.
    """
    return Ops(
        muls=elements,
        compares=elements + max(elements - blocks, 0) + compares * elements,
        specials=blocks,
    )


def of_codes(elements: int) -> Ops:
    """[*] = code * max |x| of its block: per element a look-up, which is free, and a mul."""
    return Ops(muls=elements)


@formula("bitsandbytes.nn.modules.Linear8bitLt", kind="linear")
def linear_8bit(module: LowBitLinear, x: Size, out: Size) -> Ops:
    """[*, n] = [*, k] @ [n, k]^T + [n], in 8 bits: the rows' cast, the product, the bias.

    Each of two scales is a mul per output. With a ``threshold`` the columns of outliers are
    multiplied separately. Shapes do not show how many there are, so this is not counted.
    """
    rows, outputs = prod(x[:-1]), prod(out)
    product = matmul(rows, x[-1], module.out_features) + Ops(muls=2 * outputs)
    return by_rows(rows, x[-1]) + product + _biased(module.bias, outputs)


@formula("bitsandbytes.nn.modules.Linear4bit", kind="linear")
def linear_4bit(module: LowBitLinear, x: Size, out: Size) -> Ops:
    """[*, n] = [*, k] @ [n, k]^T + [n], with a 4-bit weight: the product and the bias.

    Reading the weight is a mul per element. The scales may be in 8 bits themselves. Reading them is
    not counted: there is one for 64 weights.
    """
    read = of_codes(module.out_features * module.in_features)
    return read + matmul(prod(x[:-1]), x[-1], module.out_features) + _biased(module.bias, prod(out))


@formula("bitsandbytes::int8_vectorwise_quant", kind="linear")
def int8_vectorwise_quant(A: Size) -> Ops:
    """int8 [*, n], scales, outliers = quantize([*, n]): see ``by_rows``."""
    return by_rows(prod(A[:-1]), A[-1])


@formula("bitsandbytes::int8_double_quant", kind="linear")
def int8_double_quant(A: Size) -> Ops:
    """int8 [*, n] by rows, int8 [*, n] by columns, ... = quantize([*, n]): ``by_rows`` twice."""
    rows = prod(A[:-1])
    return by_rows(rows, A[-1]) + by_rows(A[-1], rows)


@formula("bitsandbytes::int8_vectorwise_dequant", kind="linear")
def int8_vectorwise_dequant(A: Size) -> Ops:
    """[*, n] = int8 [*, n] * scales: a mul per element."""
    return Ops(muls=prod(A))


@formula("bitsandbytes::int8_linear_matmul", kind="linear")
def int8_linear_matmul(A: Size, B: Size) -> Ops:
    """int32 [*, n] = int8 [*, k] @ int8 [n, k]^T."""
    return matmul(prod(A[:-1]), A[-1], B[0])


@formula("bitsandbytes::int8_mm_dequant", kind="linear")
def int8_mm_dequant(A: Size, *, bias: Size | None = None) -> Ops:
    """[*, n] = int32 [*, n] * row scale * column scale + [n]: 2 muls per output, and the bias."""
    return Ops(muls=2 * prod(A)) + _biased(bias, prod(A))


@formula("bitsandbytes::int8_scaled_mm", kind="linear")
def int8_scaled_mm(A: Size, B: Size, *, bias: Size | None = None) -> Ops:
    """[*, n] = int8 [*, k] @ int8 [n, k]^T * row scale * column scale + [n]."""
    outputs = prod(A[:-1]) * B[0]
    return matmul(prod(A[:-1]), A[-1], B[0]) + Ops(muls=2 * outputs) + _biased(bias, outputs)


@formula("bitsandbytes::int8_mixed_scaled_mm", kind="linear")
def int8_mixed_scaled_mm(
    *, CA: Size, CB: Size, outlier_cols: Size | None = None, bias: Size | None = None
) -> Ops:
    """[*, n], outliers = int8 [*, k] @ int8 [n, k]^T * scales + [*, o] @ [n, o]^T + [n].

    This is ``int8_scaled_mm``, the product of the o columns of outliers, and an add per output.
    """
    ops = int8_scaled_mm(CA, CB, bias=bias)
    outputs = prod(CA[:-1]) * CB[0]
    found = 0 if outlier_cols is None else outlier_cols[0]
    return ops + matmul(prod(CA[:-1]), found, CB[0]) + Ops(adds=outputs if found else 0)


@formula("bitsandbytes::quantize_4bit", kind="linear")
def quantize_4bit(A: Size, blocksize: int) -> Ops:
    """4-bit codes, scales = quantize([*]), by blocks: see ``to_codes``."""
    return to_codes(prod(A), -(-prod(A) // blocksize), CODES_4)


@formula("bitsandbytes::quantize_blockwise", kind="linear")
def quantize_blockwise(A: Size, *, blocksize: int) -> Ops:
    """8-bit codes, scales = quantize([*]), by blocks: see ``to_codes``."""
    return to_codes(prod(A), -(-prod(A) // blocksize), CODES_8)


@formula("bitsandbytes::dequantize_4bit", kind="linear")
def dequantize_4bit(*, shape: Sequence[int]) -> Ops:
    """[*] = 4-bit codes, two in a byte, times scales: see ``of_codes``."""
    return of_codes(prod(shape))


@formula("bitsandbytes::dequantize_blockwise", kind="linear")
def dequantize_blockwise(A: Size) -> Ops:
    """[*] = 8-bit codes times scales: see ``of_codes``."""
    return of_codes(prod(A))


@formula("bitsandbytes::gemv_4bit", kind="linear")
def gemv_4bit(A: Size, *, shapeB: Sequence[int]) -> Ops:
    """[*, n] = [*, k] @ [n, k]^T, with a 4-bit weight of the shape ``shapeB``.

    The product, and a mul per weight to read it.
    """
    return matmul(prod(A[:-1]), A[-1], shapeB[0]) + of_codes(prod(shapeB))


@formula("bitsandbytes::gemm_4bit", kind="linear")
def gemm_4bit(A: Size, *, shapeB: Sequence[int], bias: Size | None = None) -> Ops:
    """[*, n] = [*, k] @ [n, k]^T + [n], with a 4-bit weight of the shape ``shapeB``.

    This is ``gemv_4bit``, and the bias.
    """
    outputs = prod(A[:-1]) * shapeB[0]
    return matmul(prod(A[:-1]), A[-1], shapeB[0]) + of_codes(prod(shapeB)) + _biased(bias, outputs)

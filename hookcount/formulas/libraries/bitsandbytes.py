"""bitsandbytes, by name: its 8-bit and 4-bit linear layers, and the ops that newer versions (0.46 on) run them as.

A layer costs what its float twin does, and the casting of numbers to few bits and back. The layers have formulas of their own,
since older versions call their kernels from outside of torch's dispatcher; schemas are those of ``bitsandbytes/_ops.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from torch import Size

from ...core.ops import NOTHING, Ops
from ..arithmetic import bias as bias_adds
from ..arithmetic import matmul
from ..builtin import formula

CODES_4, CODES_8 = 4, 8
"""Compares that find the nearest of 16, of 256 codes by halving."""


def _biased(bias: Any, outputs: int) -> Ops:
    return NOTHING if bias is None else bias_adds(outputs)


def by_rows(rows: int, n: int) -> Ops:
    """int8 = round(x * 127 / max |x|), per row of n: n abs, n - 1 compares, a division; n muls and n roundings."""
    return Ops(muls=n, compares=n + max(n - 1, 0), specials=1 + n) * rows


def to_codes(elements: int, blocks: int, compares: int) -> Ops:
    """The nearest code of x / max |x| per block: an abs and a compare per element, a division per block, a mul, the search."""
    return Ops(
        muls=elements,
        compares=elements + max(elements - blocks, 0) + compares * elements,
        specials=blocks,
    )


def of_codes(elements: int) -> Ops:
    """code * max |x| of its block: a look-up, which is free, and a mul."""
    return Ops(muls=elements)


@formula("bitsandbytes.nn.modules.Linear8bitLt", kind="linear")
def linear_8bit(module: Any, x: Size, out: Size) -> Ops:
    """[*, n] = [*, k] @ [n, k]^T + [n], in 8 bits: the rows cast, the product, a mul per output for each scale, the bias.

    The columns of outliers, which a ``threshold`` takes out and multiplies by themselves, are not known from shapes.
    """
    rows, outputs = prod(x[:-1]), prod(out)
    product = matmul(rows, x[-1], module.out_features) + Ops(muls=2 * outputs)
    return by_rows(rows, x[-1]) + product + _biased(module.bias, outputs)


@formula("bitsandbytes.nn.modules.Linear4bit", kind="linear")
def linear_4bit(module: Any, x: Size, out: Size) -> Ops:
    """[*, n] = [*, k] @ [n, k]^T + [n], the weight held in 4 bits: a mul per weight to read it, the product, the bias.

    Reading the scales, where they are held in 8 bits themselves, is not counted: one to 64 weights.
    """
    read = of_codes(module.out_features * module.in_features)
    return read + matmul(prod(x[:-1]), x[-1], module.out_features) + _biased(module.bias, prod(out))


@formula("bitsandbytes::int8_vectorwise_quant", kind="linear")
def int8_vectorwise_quant(A: Size) -> Ops:
    """int8 [*, n], scales, outliers = [*, n]: see ``by_rows``."""
    return by_rows(prod(A[:-1]), A[-1])


@formula("bitsandbytes::int8_double_quant", kind="linear")
def int8_double_quant(A: Size) -> Ops:
    """int8 [*, n] by rows, int8 [*, n] by columns, ... = [*, n]: see ``by_rows``, twice."""
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
def int8_mm_dequant(A: Size, *, bias: Any = None) -> Ops:
    """[*, n] = int32 [*, n] * row scale * column scale + [n]: 2 muls per output, and the bias."""
    return Ops(muls=2 * prod(A)) + _biased(bias, prod(A))


@formula("bitsandbytes::int8_scaled_mm", kind="linear")
def int8_scaled_mm(A: Size, B: Size, *, bias: Any = None) -> Ops:
    """[*, n] = int8 [*, k] @ int8 [n, k]^T * row scale * column scale + [n]."""
    outputs = prod(A[:-1]) * B[0]
    return matmul(prod(A[:-1]), A[-1], B[0]) + Ops(muls=2 * outputs) + _biased(bias, outputs)


@formula("bitsandbytes::int8_mixed_scaled_mm", kind="linear")
def int8_mixed_scaled_mm(*, CA: Size, CB: Size, outlier_cols: Any = None, bias: Any = None) -> Ops:
    """[*, n], outliers = as ``int8_scaled_mm``, and the product of the o outlying columns by themselves, added."""
    ops = int8_scaled_mm(CA, CB, bias=bias)
    outputs = prod(CA[:-1]) * CB[0]
    found = 0 if outlier_cols is None else outlier_cols[0]
    return ops + matmul(prod(CA[:-1]), found, CB[0]) + Ops(adds=outputs if found else 0)


@formula("bitsandbytes::quantize_4bit", kind="linear")
def quantize_4bit(A: Size, blocksize: int) -> Ops:
    """4-bit codes, scales = [*] by blocks: see ``to_codes``."""
    return to_codes(prod(A), -(-prod(A) // blocksize), CODES_4)


@formula("bitsandbytes::quantize_blockwise", kind="linear")
def quantize_blockwise(A: Size, *, blocksize: int) -> Ops:
    """8-bit codes, scales = [*] by blocks: see ``to_codes``."""
    return to_codes(prod(A), -(-prod(A) // blocksize), CODES_8)


@formula("bitsandbytes::dequantize_4bit", kind="linear")
def dequantize_4bit(*, shape: Sequence[int]) -> Ops:
    """[*] = 4-bit codes, two to a byte, times scales: see ``of_codes``."""
    return of_codes(prod(shape))


@formula("bitsandbytes::dequantize_blockwise", kind="linear")
def dequantize_blockwise(A: Size) -> Ops:
    """[*] = 8-bit codes times scales: see ``of_codes``."""
    return of_codes(prod(A))


@formula("bitsandbytes::gemv_4bit", kind="linear")
def gemv_4bit(A: Size, *, shapeB: Sequence[int]) -> Ops:
    """[*, n] = [*, k] @ [n, k]^T, the weight in 4 bits, of the shape ``shapeB``: the product, and a mul per weight to read it."""
    return matmul(prod(A[:-1]), A[-1], shapeB[0]) + of_codes(prod(shapeB))


@formula("bitsandbytes::gemm_4bit", kind="linear")
def gemm_4bit(A: Size, *, shapeB: Sequence[int], bias: Any = None) -> Ops:
    """[*, n] = [*, k] @ [n, k]^T + [n], the weight in 4 bits, of the shape ``shapeB``: as ``gemv_4bit``, and the bias."""
    outputs = prod(A[:-1]) * shapeB[0]
    return matmul(prod(A[:-1]), A[-1], shapeB[0]) + of_codes(prod(shapeB)) + _biased(bias, outputs)

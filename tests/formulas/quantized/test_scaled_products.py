"""Matrix products of scaled, grouped and low-bit operands: figures written out."""

import pytest
import torch
from helpers.asked import ask
from torch import Size

from hookcount import Ops
from hookcount.formulas.quantized import scaled_products as lowbit


def shape(*sizes):
    return Size(sizes)


@pytest.mark.parametrize(
    ("first", "second", "out", "macs"),
    [
        (shape(2, 3, 4), shape(2, 4, 5), shape(2, 3, 5), 2 * 3 * 4 * 5),
        (shape(30, 4), shape(2, 4, 5), shape(30, 5), 30 * 4 * 5),
        (shape(2, 3, 4), shape(4, 50), shape(3, 50), 3 * 4 * 50),
        (shape(3, 40), shape(40, 5), shape(2, 3, 5), 3 * 40 * 5),
    ],
)
def test_grouped_products_count_the_split_axis_once(first, second, out, macs):
    assert ask(lowbit.grouped_mm, first, second, shape(2), out=out) == Ops(macs=macs)
    scaled = ask(lowbit.scaled_grouped_mm, first, second, shape(), shape(), shape(2), out=out)
    assert scaled == Ops(macs=macs, muls=2 * out.numel())


@pytest.mark.parametrize(
    ("formula", "args", "expected"),
    [
        (
            lowbit.scaled_mm,
            (shape(2, 3), shape(3, 4), shape(), shape()),
            Ops(macs=2 * 3 * 4, muls=2 * 8),
        ),
        (
            lowbit.scaled_mm,
            (shape(2, 3), shape(3, 4), shape(), shape(), shape(4)),
            Ops(macs=2 * 3 * 4, muls=2 * 8, adds=8),
        ),
        (
            lowbit.weight_int8pack_mm,
            (shape(2, 3), shape(4, 3), shape(4)),
            Ops(macs=2 * 3 * 4, muls=8),
        ),
        (
            lowbit.weight_int4pack_mm,
            (shape(2, 3), shape(1, 1, 32, 4), 32, shape(1, 4, 2)),
            Ops(macs=24, muls=12, adds=12),
        ),
        (
            lowbit.mixed_dtypes_linear,
            (shape(2, 3), shape(3, 4), shape(4)),
            Ops(macs=2 * 3 * 4, muls=8),
        ),
        (
            lowbit.dyn_quant_matmul_4bit,
            (shape(2, 64), shape(9), 32, 64, 4),
            Ops(macs=2 * 64 * 4, muls=2 * 4 * 2),
        ),
    ],
)
def test_low_bit_op(formula, args, expected):
    assert ask(formula, *args, out=shape(2, 4)) == expected


LEFT, RIGHT, OUT = shape(2, 6), shape(6, 4), shape(2, 4)
MACS, OUTPUTS = 2 * 6 * 4, 2 * 4
ONE = shape()


def test_each_scale_is_a_mul_per_output():
    price = lowbit.scaled_mm
    assert ask(price, LEFT, RIGHT, ONE, ONE, out=OUT) == Ops(macs=MACS, muls=2 * OUTPUTS)
    scaled = ask(price, LEFT, RIGHT, ONE, ONE, None, ONE, out=OUT)
    assert scaled == Ops(macs=MACS, muls=3 * OUTPUTS)


V2 = {"recipe_a": [0], "swizzle_a": [0], "recipe_b": [0], "swizzle_b": [0]}
needs_v2 = pytest.mark.skipif(
    not hasattr(torch.ops.aten, "_scaled_mm_v2"), reason="this torch has no second version"
)


def second_version(op, left, right, scales, bias=None, **options):
    """A call by name: two lists of scales, of tensors and of blocks, for either side."""
    return ask(
        f"aten::{op}",
        left,
        right,
        scale_a=[ONE] * scales[0],
        scale_b=[ONE] * scales[1],
        bias=bias,
        out_dtype=None,
        out=OUT,
        **V2,
        **options,
    )


@needs_v2
@pytest.mark.parametrize("scales", [(1, 1), (2, 2), (2, 1)])
@pytest.mark.parametrize("op", ["_scaled_mm_v2", "_scaled_grouped_mm_v2"])
def test_lists_of_scales_are_a_mul_each(op, scales):
    expected = Ops(macs=MACS, muls=sum(scales) * OUTPUTS)
    assert second_version(op, LEFT, RIGHT, scales) == expected
    biased = second_version(op, LEFT, RIGHT, scales, shape(4))
    assert biased == expected + Ops(adds=OUTPUTS)


@needs_v2
def test_four_bits_are_stored_in_pairs():
    """Packed along k on either side: 3 bytes hold 6 numbers."""
    expected = Ops(macs=MACS, muls=2 * OUTPUTS)
    assert second_version("_scaled_mm_v2", shape(2, 3), RIGHT, (1, 1)) == expected
    assert second_version("_scaled_mm_v2", LEFT, shape(3, 4), (1, 1)) == expected


def test_a_summand_is_an_add_per_output():
    found = lowbit.scaled_addmm(OUT, LEFT, RIGHT, [ONE], scale_b=[ONE], out=OUT)
    assert found == Ops(macs=MACS, muls=2 * OUTPUTS, adds=OUTPUTS)


def test_a_bias_of_a_grouped_product():
    args = shape(2, 3, 4), shape(2, 4, 5), shape(2)
    found = ask(lowbit.grouped_mm, *args, shape(2, 5), out=shape(2, 3, 5))
    assert found == Ops(macs=2 * 3 * 4 * 5, adds=2 * 3 * 5)


@pytest.mark.parametrize(("inner", "block", "blocks"), [(64, 32, 2), (64, 64, 1), (65, 32, 3)])
def test_a_scale_for_each_block_of_the_inner_axis(inner, block, blocks):
    args = shape(2, inner), shape(9), block, inner, 4
    found = ask("aten::_dyn_quant_matmul_4bit", *args, out=OUT)
    assert found == Ops(macs=2 * inner * 4, muls=OUTPUTS * blocks)


def test_four_bit_weights_are_scaled_and_shifted_once_each():
    expected = Ops(macs=MACS, adds=6 * 4, muls=6 * 4)
    cpu = ask("aten::_weight_int4pack_mm_for_cpu", LEFT, shape(4, 3), 32, shape(1, 4, 2), out=OUT)
    assert cpu == expected
    other = "aten::_weight_int4pack_mm_with_scales_and_zeros"
    assert ask(other, LEFT, shape(4, 3), 32, shape(1, 4), shape(1, 4), out=OUT) == expected


@pytest.mark.parametrize(
    ("activation", "each"),
    [
        (None, Ops()),
        ("none", Ops()),
        ("relu", Ops(compares=1)),
        ("silu", Ops(adds=2, muls=1, specials=2)),  # x / (1 + exp(-x)), by a product
    ],
)
def test_mixed_types_with_an_activation(activation, each):
    options = {"bias": shape(4), "activation": activation}
    found = ask("aten::_mixed_dtypes_linear", LEFT, shape(6, 4), shape(4), out=OUT, **options)
    assert found == Ops(macs=MACS, muls=OUTPUTS, adds=OUTPUTS) + each * OUTPUTS

"""Matrix products: figures written out, and modules against their ops."""

import pytest
import torch
from helpers.against_ops import assert_formula_matches_ops, by_formula
from helpers.asked import ask
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Size, nn

from hookcount import Ops
from hookcount.formulas import BUILTIN, linear

sizes = st.integers(1, 5)


def shape(*sizes):
    return Size(sizes)


@settings(max_examples=15, deadline=None)
@given(leading=st.lists(sizes, max_size=3), inputs=sizes, outputs=sizes, bias=st.booleans())
def test_linear_module_agrees_with_its_ops(leading, inputs, outputs, bias):
    assert_formula_matches_ops(nn.Linear(inputs, outputs, bias=bias), torch.rand(*leading, inputs))


@settings(max_examples=10, deadline=None)
@given(
    leading=st.lists(sizes, min_size=1, max_size=2),
    first=sizes,
    second=sizes,
    outputs=sizes,
    bias=st.booleans(),
)
def test_bilinear_module_agrees_with_its_ops(leading, first, second, outputs, bias):
    module = nn.Bilinear(first, second, outputs, bias=bias)
    # torch's counter does not know the op that it runs, _trilinear: the product is written out
    # below
    assert_formula_matches_ops(
        module, torch.rand(*leading, first), torch.rand(*leading, second), oracle=False
    )


def test_linear():
    assert by_formula(nn.Linear(30, 3), torch.rand(4, 32, 30)) == Ops(
        macs=4 * 32 * 30 * 3, adds=4 * 32 * 3
    )
    assert by_formula(nn.Linear(30, 3, bias=False), torch.rand(30)) == Ops(macs=30 * 3)


def test_linear_of_transposed_input_runs_as_product_and_sum():
    assert_formula_matches_ops(nn.Linear(3, 4), torch.rand(5, 2, 3).transpose(0, 1))


def test_non_dynamically_quantizable_linear_is_a_linear():
    assert by_formula(
        nn.modules.linear.NonDynamicallyQuantizableLinear(3, 4), torch.rand(2, 3)
    ) == Ops(macs=2 * 3 * 4, adds=8)


def test_lazy_linear_after_its_first_call_is_a_linear():
    lazy = nn.LazyLinear(4)
    lazy(torch.rand(2, 3))
    assert by_formula(lazy, torch.rand(2, 3)) == Ops(macs=2 * 3 * 4, adds=2 * 4)


def test_bilinear():
    # first 2 * 5 * 4 dot products of length 3, then 2 * 5 of length 4
    assert by_formula(nn.Bilinear(3, 4, 5), torch.rand(2, 3), torch.rand(2, 4)) == Ops(
        macs=2 * 5 * 4 * 3 + 2 * 5 * 4, adds=2 * 5
    )


@pytest.mark.parametrize(
    ("formula", "args", "out", "expected"),
    [
        (linear.mm, (shape(2, 3), shape(3, 4)), shape(2, 4), Ops(macs=2 * 3 * 4)),
        (linear.bmm, (shape(5, 2, 3), shape(5, 3, 4)), shape(5, 2, 4), Ops(macs=5 * 2 * 3 * 4)),
        (
            linear.nested_matmul,
            (shape(5, 2, 3), shape(5, 3, 4)),
            shape(5, 2, 4),
            Ops(macs=5 * 2 * 3 * 4),
        ),
        (linear.mv, (shape(2, 3), shape(3)), shape(2), Ops(macs=2 * 3)),
        (linear.dot, (shape(7), shape(7)), shape(), Ops(macs=7)),
        (linear.outer, (shape(2), shape(3)), shape(2, 3), Ops(muls=2 * 3)),
        (
            linear.addmm,
            (shape(4), shape(2, 3), shape(3, 4)),
            shape(2, 4),
            Ops(macs=2 * 3 * 4, adds=2 * 4),
        ),
        (linear.addmv, (shape(2), shape(2, 3), shape(3)), shape(2), Ops(macs=2 * 3, adds=2)),
        (linear.addr, (shape(2, 3), shape(2), shape(3)), shape(2, 3), Ops(adds=2 * 3, muls=2 * 3)),
        (
            linear.baddbmm,
            (shape(5, 1, 4), shape(5, 2, 3), shape(5, 3, 4)),
            shape(5, 2, 4),
            Ops(macs=5 * 2 * 3 * 4, adds=5 * 2 * 4),
        ),
        (
            linear.addbmm,
            (shape(2, 4), shape(5, 2, 3), shape(5, 3, 4)),
            shape(2, 4),
            Ops(macs=5 * 2 * 3 * 4, adds=2 * 4),
        ),
        (
            linear.linear,
            (shape(2, 3), shape(4, 3), shape(4)),
            shape(2, 4),
            Ops(macs=2 * 3 * 4, adds=2 * 4),
        ),
        (
            linear.addmm_activation,
            (shape(4), shape(2, 3), shape(3, 4)),
            shape(2, 4),
            Ops(macs=2 * 3 * 4, adds=2 * 4, compares=2 * 4),
        ),
        (
            linear.linear_backward,
            (shape(2, 3), shape(2, 4), shape(4, 3), (True, True, True)),
            None,
            Ops(macs=2 * (2 * 3 * 4), adds=(2 - 1) * 4),
        ),
        (
            linear.linear_backward,
            (shape(2, 3), shape(2, 4), shape(4, 3), (True, False, False)),
            None,
            Ops(macs=2 * 3 * 4),
        ),
    ],
)
def test_op(formula, args, out, expected):
    assert ask(formula, *args, out=out) == expected


def test_backward_of_other_kernels():
    x, grad, weight = shape(2, 3), shape(2, 4), shape(4, 3)
    product, bias = Ops(macs=2 * 3 * 4), Ops(adds=(2 - 1) * 4)
    whole = ask("aten::mkldnn_linear_backward", x, grad, weight, (True, True, True))
    assert whole == product + product + bias
    assert ask("aten::mkldnn_linear_backward_input", [2, 3], grad, weight) == product
    assert ask("aten::mkldnn_linear_backward_weights", grad, x, weight, True) == product + bias
    assert ask("aten::matmul_backward", grad, x, shape(3, 4), (True, True)) == product + product
    assert ask("aten::matmul_backward", grad, x, shape(3, 4), (False, True)) == product


def test_alpha_and_beta_are_muls_where_they_are_not_one():
    args = (shape(4), shape(2, 3), shape(3, 4))
    assert ask(linear.addmm, *args, alpha=0.5, out=shape(2, 4)) == Ops(macs=24, adds=8, muls=8)
    assert ask(linear.addmm, *args, alpha=0.5, beta=2, out=shape(2, 4)) == Ops(
        macs=24, adds=8, muls=8 + 8
    )
    assert ask(linear.addmm, *args, beta=0, out=shape(2, 4)) == Ops(macs=24)


def test_lists_of_products_and_scaled_sums():
    price = BUILTIN.get("aten::_foreach_mm").price
    pairs = [(Size([2, 3]), Size([3, 5])), (Size([7, 4]), Size([4, 6]))]
    out = [Size([2, 5]), Size([7, 6])]
    assert ask(price, [a for a, _ in pairs], [b for _, b in pairs], out=out) == Ops(
        macs=2 * 3 * 5 + 7 * 4 * 6
    )
    price = BUILTIN.get("aten::_scaled_addmm").price
    scales = (Size([1]),)
    found = price(
        Size([2, 5]), Size([2, 3]), Size([3, 5]), scales, scale_b=scales, out=Size([2, 5])
    )
    assert found == Ops(macs=2 * 3 * 5, muls=2 * 2 * 5, adds=2 * 5)

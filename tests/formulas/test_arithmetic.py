"""The shared arithmetic, against loops that do the work and count each operation."""

import math

import pytest
import torch
from helpers.against_ops import by_torch
from helpers.functions import Fn
from helpers.written_out import attention as written_out
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from hookcount import Ops
from hookcount.formulas import arithmetic

few = st.integers(1, 4)
quick = settings(max_examples=25, deadline=None)


def products(rows, inner, columns, batch):
    """Multiply-accumulates of a batched matrix product, one by one."""
    return sum(
        1 for _ in range(batch) for _ in range(rows) for _ in range(columns) for _ in range(inner)
    )


@quick
@given(rows=few, inner=few, columns=few, batch=few)
def test_matmul(rows, inner, columns, batch):
    expected = Ops(macs=products(rows, inner, columns, batch))
    assert arithmetic.matmul(rows, inner, columns, batch) == expected
    assert arithmetic.matmul(rows, inner, columns) == Ops(macs=products(rows, inner, columns, 1))


def test_a_bias_is_an_add_for_each_output():
    assert arithmetic.bias(2 * 5) == Ops(adds=10)


@pytest.mark.parametrize(
    ("inputs", "weight", "options"),
    [
        ((2, 4, 9), (6, 4, 3), {}),
        ((2, 4, 9, 7), (6, 2, 3, 2), {"groups": 2, "stride": 2, "padding": 1}),
        ((1, 4, 5, 6, 7), (4, 1, 2, 3, 2), {"groups": 4, "dilation": 2}),
    ],
)
def test_convolution_is_that_of_torchs_own_counter(inputs, weight, options):
    conv = (F.conv1d, F.conv2d, F.conv3d)[len(inputs) - 3]
    model = Fn(lambda self, x, w: conv(x, w, **options))
    given_, kernel = torch.empty(inputs, device="meta"), torch.empty(weight, device="meta")
    expected = by_torch(model, given_, kernel)
    out = conv(given_, kernel, **options).shape
    assert arithmetic.convolution(inputs, weight, out) == Ops(macs=expected)


@pytest.mark.parametrize(("stride", "groups"), [(1, 1), (2, 1), (3, 2)])
def test_transposed_convolution_scatters_each_input_whatever_the_stride(stride, groups):
    given_, weight = torch.empty(2, 6, 5, 4), torch.empty(6, 3, 2, 3)
    out = F.conv_transpose2d(given_, weight, stride=stride, groups=groups).shape
    scattered = 2 * 6 * 5 * 4 * (3 * 2 * 3)
    found = arithmetic.convolution(given_.shape, weight.shape, out, transposed=True)
    assert found == Ops(macs=scattered)


class Number:
    """A number whose operations are added to ``done``."""

    done = Ops()

    def __init__(self, value):
        self.value = value

    @classmethod
    def note(cls, value, **kinds):
        Number.done = Number.done + Ops(**kinds)
        return cls(value)

    def __add__(self, other):
        return self.note(self.value + other.value, adds=1)

    def __sub__(self, other):
        return self.note(self.value - other.value, adds=1)

    def __mul__(self, other):
        return self.note(self.value * other.value, muls=1)

    def __truediv__(self, other):
        return self.note(self.value / other.value, specials=1)

    def __neg__(self):
        return self.note(-self.value, adds=1)

    def larger(self, other):
        return self.note(max(self.value, other.value), compares=1)

    def exp(self):
        return self.note(math.exp(self.value), specials=1)

    def log(self):
        return self.note(math.log(self.value), specials=1)


@pytest.fixture(autouse=True)
def nothing_is_done_yet():
    Number.done = Ops()


def folded(function, numbers):
    first, *rest = numbers
    for each in rest:
        first = function(first, each)
    return first


def shifted(row):
    largest = folded(Number.larger, row)
    return [each - largest for each in row]


@pytest.mark.parametrize("n", [1, 2, 5])
def test_softmax_of_a_row(n):
    values = torch.rand(n).tolist()
    exps = [each.exp() for each in shifted([Number(value) for value in values])]
    total = folded(Number.__add__, exps)
    result = [each / total for each in exps]
    assert [each.value for each in result] == pytest.approx(
        torch.tensor(values).softmax(0).tolist()
    )
    assert arithmetic.softmax(1, n) == Number.done
    assert arithmetic.softmax(7, n) == Number.done * 7


@pytest.mark.parametrize("n", [1, 2, 5])
def test_log_softmax_of_a_row(n):
    values = torch.rand(n).tolist()
    differences = shifted([Number(value) for value in values])
    log = folded(Number.__add__, [each.exp() for each in differences]).log()
    result = [each - log for each in differences]
    expected = torch.tensor(values).log_softmax(0).tolist()
    assert [each.value for each in result] == pytest.approx(expected, abs=1e-6)
    assert arithmetic.log_softmax(1, n) == Number.done
    assert arithmetic.log_softmax(7, n) == Number.done * 7


def test_empty_rows_cost_nothing():
    assert arithmetic.softmax(3, 0) == arithmetic.log_softmax(3, 0) == Ops()


def test_sigmoid():
    one, x = Number(1.0), Number(0.3)
    result = one / (one + (-x).exp())
    assert result.value == pytest.approx(torch.tensor(0.3).sigmoid().item())
    assert Number.done == arithmetic.SIGMOID


def test_tanh():
    one, two, x = Number(1.0), Number(2.0), Number(0.3)
    result = one - two / ((two * x).exp() + one)
    assert result.value == pytest.approx(torch.tensor(0.3).tanh().item())
    assert Number.done == arithmetic.TANH


@quick
@given(batch=few, heads=few, queries=few, keys=few, depth=few, wide=few, masked=st.booleans())
def test_attention(batch, heads, queries, keys, depth, wide, masked):
    sizes = batch, heads, queries, keys, depth, wide
    assert arithmetic.attention(*sizes, masked=masked) == written_out(*sizes, masked)


def test_attention_by_torchs_own_counter():
    model = Fn(lambda self, q, k, v: F.scaled_dot_product_attention(q, k, v))
    given_ = [torch.empty(2, 3, n, 8, device="meta", requires_grad=True) for n in (5, 7, 7)]
    assert arithmetic.attention(2, 3, 5, 7, 8, 8, masked=False).macs == by_torch(model, *given_)

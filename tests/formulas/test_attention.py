"""Attention: figures written out, and fused ops against the ops that torch falls back to."""

import pytest
import torch
from helpers.against_ops import by_ops
from helpers.asked import ask
from helpers.written_out import attention as written_out
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Size, nn
from torch.nn import functional as F

from hookcount import Ops
from hookcount.formulas import attention


class Attention(nn.Module):
    """``F.scaled_dot_product_attention`` as a module."""

    def __init__(self, **options):
        super().__init__()
        self.options = options

    def forward(self, query, key, value, mask=None):
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, **self.options)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_fused_op_costs_what_its_parts_cost(data):
    draw = data.draw
    batch, kv_heads, repeats = (
        draw(st.integers(1, 2)),
        draw(st.integers(1, 2)),
        draw(st.integers(1, 3)),
    )
    queries, keys, depth = (
        draw(st.integers(1, 4)),
        draw(st.integers(1, 4)),
        draw(st.sampled_from([4, 8])),
    )
    causal = draw(st.booleans())
    mask = (
        None
        if causal
        else draw(
            st.sampled_from([None, torch.zeros(queries, keys), torch.ones(queries, keys).bool()])
        )
    )
    module = Attention(is_causal=causal, enable_gqa=repeats > 1)
    heads = kv_heads * repeats
    args = [
        torch.rand(batch, heads, queries, depth),
        *[torch.rand(batch, kv_heads, keys, depth)] * 2,
    ]
    args += [] if mask is None else [mask]
    expected = written_out(batch, heads, queries, keys, depth, depth, causal or mask is not None)
    assert by_ops(module, *args) == expected
    assert by_ops(module, *[each.to("meta") for each in args]) == expected


def test_causal_mask_does_not_halve_the_count():
    args = [torch.rand(1, 2, 8, 4)] * 3
    assert by_ops(Attention(is_causal=True), *args) == written_out(1, 2, 8, 8, 4, 4, masked=True)


def test_dropout_on_the_scores_counts_the_same_fused_and_apart():
    args = (Size((1, 2, 8, 4)),) * 3
    expected = written_out(1, 2, 8, 8, 4, 4) + Ops(muls=2 * 64, specials=2 * 64)
    assert ask(attention.flash_attention, *args, 0.5, False, out=None) == expected
    assert by_ops(Attention(dropout_p=0.5), *[torch.rand(1, 2, 8, 4)] * 3) == expected


Q, K, V = Size((2, 6, 3, 8)), Size((2, 2, 5, 8)), Size((2, 2, 5, 4))
BHSD = [
    (attention.flash_attention, (0.0, False), (0.0, True)),
    (
        attention.quantized_flash_attention,
        (None, None, None, 0.0, False),
        (None, None, None, 0.0, True),
    ),
    (attention.flash_attention_for_cpu, (0.0, False), (0.0, True)),
    (attention.biased_attention, (None, True, 0.0, False), (None, True, 0.0, True)),
    (attention.biased_attention, (None, True), (Size((2, 6, 3, 5)), True)),
    (attention.overrideable_attention, (None, 0.0, False), (Size((2, 6, 3, 5)), 0.0, False)),
    (
        attention.cudnn_attention_forward,
        (None, None, None, 3, 5, True),
        (Size((3, 5)), None, None, 3, 5, True),
    ),
]


@pytest.mark.parametrize(("op", "plain", "masked"), BHSD)
def test_ops_with_heads_before_positions(op, plain, masked):
    assert ask(op, Q, K, V, *plain, out=None) == written_out(2, 6, 3, 5, 8, 4)
    assert ask(op, Q, K, V, *masked, out=None) == written_out(2, 6, 3, 5, 8, 4, masked=True)


def test_flex_attention_counts_the_full_square():
    assert ask(attention.flex_attention, Q, K, V, None, None, 1.0, {}, out=None) == written_out(
        2, 6, 3, 5, 8, 4
    )


def test_ops_with_positions_before_heads():
    query, key, value = Size((2, 3, 6, 8)), Size((2, 5, 2, 8)), Size((2, 5, 2, 4))
    expected = written_out(2, 6, 3, 5, 8, 4)
    assert (
        ask(
            attention.flash_attention_forward,
            query,
            key,
            value,
            None,
            None,
            3,
            5,
            0.0,
            False,
            False,
            out=None,
        )
        == expected
    )
    assert (
        ask(
            attention.efficient_attention_forward,
            query,
            key,
            value,
            None,
            None,
            None,
            3,
            5,
            0.0,
            0,
            out=None,
        )
        == expected
    )
    masked = ask(
        attention.efficient_attention_forward,
        query,
        key,
        value,
        None,
        None,
        None,
        3,
        5,
        0.0,
        1,
        out=None,
    )
    assert masked == written_out(2, 6, 3, 5, 8, 4, masked=True)
    into = ask(
        attention.flash_attention_forward_into,
        query,
        query,
        key,
        value,
        None,
        None,
        3,
        5,
        0.0,
        False,
        False,
        out=None,
    )
    assert into == expected


def test_packed_sequences_of_equal_length_cost_the_batch():
    query, key, value = Size((2 * 3, 6, 8)), Size((2 * 5, 2, 8)), Size((2 * 5, 2, 4))
    bounds, expected = Size((3,)), written_out(2, 6, 3, 5, 8, 4)
    assert (
        ask(
            attention.flash_attention_forward,
            query,
            key,
            value,
            bounds,
            bounds,
            3,
            5,
            0.0,
            False,
            False,
            out=None,
        )
        == expected
    )
    assert (
        ask(
            attention.cudnn_attention_forward,
            query,
            key,
            value,
            None,
            bounds,
            bounds,
            3,
            5,
            True,
            out=None,
        )
        == expected
    )
    one = [Size((1, *each)) for each in (query, key, value)]
    assert (
        ask(
            attention.efficient_attention_forward,
            *one,
            None,
            bounds,
            bounds,
            3,
            5,
            0.0,
            0,
            out=None,
        )
        == expected
    )

"""Attention: figures written out, fused ops against the ops that torch falls back to, and
multi-head modules.
"""

import copy

import pytest
import torch
from helpers.against_ops import assert_formula_matches_ops, by_formula, by_ops
from helpers.asked import ask
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Size, nn
from torch.nn import functional as F

from hookcount import Ops
from hookcount.formulas import attention, multihead
from hookcount.formulas.gradients import attention as attention_backward


class Attention(nn.Module):
    """``F.scaled_dot_product_attention`` as a module."""

    def __init__(self, **options):
        super().__init__()
        self.options = options

    def forward(self, query, key, value, mask=None):
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, **self.options)


def written_out(batch, heads, queries, keys, depth, depth_v, masked=False):
    """Both products; q and k scaled; a softmax per row: n - 1 compares, n - 1 adds, n subtractions,
    exps, divisions; the mask.
    """
    rows = batch * heads * queries
    ops = Ops(macs=rows * keys * (depth + depth_v), muls=batch * heads * (queries + keys) * depth)
    ops = ops + Ops(compares=keys - 1, adds=keys + keys - 1, specials=keys + keys) * rows
    return ops + Ops(adds=rows * keys) if masked else ops


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


def test_backward_is_five_products():
    grad, nothing = Size((2, 6, 3, 4)), (None,) * 2
    found = ask(
        attention_backward.flash_attention_for_cpu_backward,
        grad,
        Q,
        K,
        V,
        *nothing,
        0.0,
        False,
        out=None,
    )
    assert found.macs == 2 * 6 * 3 * 5 * (3 * 8 + 2 * 4)
    masked = ask(
        attention_backward.efficient_attention_backward, grad, Q, K, V, Size((3, 5)), out=None
    )
    assert masked == found + Ops(adds=2 * 6 * 3 * 5)
    swapped = [Size((s[0], s[2], s[1], s[3])) for s in (grad, Q, K, V)]
    flash = attention_backward.flash_attention_backward_by_positions
    assert (
        ask(flash, *swapped, *nothing, None, None, 3, 5, 0.0, False, None, None, out=None) == found
    )
    packed = [Size((s[0] * s[1], *s[2:])) for s in swapped]
    assert (
        ask(
            flash, *packed, *nothing, Size((3,)), Size((3,)), 3, 5, 0.0, False, None, None, out=None
        ).macs
        == found.macs
    )


# -- nn.MultiheadAttention -------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_multihead_attention_agrees_with_its_ops(data):
    draw = data.draw
    kdim, vdim = draw(st.sampled_from([(None, None), (6, 7), (8, 5)]))
    batch_first = draw(st.booleans())
    module = nn.MultiheadAttention(
        8,
        draw(st.sampled_from([1, 2, 4])),
        dropout=draw(st.sampled_from([0.0, 0.5])),
        bias=draw(st.booleans()),
        add_bias_kv=draw(st.booleans()),
        add_zero_attn=draw(st.booleans()),
        kdim=kdim,
        vdim=vdim,
        batch_first=batch_first,
    )
    module.train(draw(st.booleans()))
    batched, queries, keys = draw(st.booleans()), draw(st.integers(1, 4)), draw(st.integers(1, 4))

    def given_(length, width):
        return (
            torch.rand(length, width)
            if not batched
            else torch.rand(*((2, length) if batch_first else (length, 2)), width)
        )

    args = given_(queries, 8), given_(keys, kdim or 8), given_(keys, vdim or 8)
    options = {"need_weights": draw(st.booleans()), "average_attn_weights": draw(st.booleans())}
    if draw(st.booleans()):
        options["key_padding_mask"] = torch.zeros(*([2] if batched else []), keys).bool()
    if draw(st.booleans()):
        options["attn_mask"] = draw(
            st.sampled_from([torch.zeros(queries, keys), torch.zeros(queries, keys).bool()])
        )
    # with gradients torch runs the parts; without, in eval, it may run one op
    with torch.set_grad_enabled(draw(st.booleans())):
        assert_formula_matches_ops(module, *args, **options)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("weights", [False, True])
def test_multihead_attention_as_one_op(weights, masked):
    module, given_ = nn.MultiheadAttention(8, 2, batch_first=True).eval(), torch.rand(3, 5, 8)
    options = {"need_weights": weights}
    if masked:
        options |= {
            "key_padding_mask": torch.zeros(3, 5).bool(),
            "attn_mask": torch.zeros(5, 5).bool(),
        }
    with torch.no_grad():
        assert_formula_matches_ops(module, given_, given_, given_, **options)


def test_causal_hint_without_weights():
    module, given_ = nn.MultiheadAttention(8, 2, batch_first=True), torch.rand(3, 5, 8)
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    assert_formula_matches_ops(
        module, given_, given_, given_, attn_mask=mask, is_causal=True, need_weights=False
    )


def test_multihead_attention():
    module = nn.MultiheadAttention(8, 2, kdim=6, vdim=7, batch_first=True)
    found = by_formula(
        module, torch.rand(3, 5, 8), torch.rand(3, 4, 6), torch.rand(3, 4, 7), need_weights=False
    )
    projections = Ops(
        macs=15 * 8 * 8 + 12 * 6 * 8 + 12 * 7 * 8 + 15 * 8 * 8,
        adds=15 * 8 + 12 * 8 + 12 * 8 + 15 * 8,
    )
    assert found == projections + written_out(3, 2, 5, 4, 4, 4)


def test_returned_weights_are_averaged_over_heads_and_the_keys_are_not_scaled():
    module, given_ = nn.MultiheadAttention(8, 2, batch_first=True), torch.rand(3, 5, 8)
    without = by_formula(module, given_, given_, given_, need_weights=False)
    average = by_formula(module, given_, given_, given_)
    apart = by_formula(module, given_, given_, given_, average_attn_weights=False)
    assert apart + Ops(muls=3 * 5 * 8) == without
    assert average == apart + Ops(adds=1, specials=1) * (3 * 5 * 5)


# -- encoder and decoder layers --------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"norm_first": True}, {"activation": "gelu"}])
def test_encoder_layer_as_one_op_costs_its_parts(options):
    layer, given_ = (
        nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True, **options),
        torch.rand(3, 5, 8),
    )
    with torch.no_grad():
        fused = by_ops(copy.deepcopy(layer).eval(), given_)
    assert fused == by_formula(layer.train(), given_) == by_ops(layer.train(), given_)
    assert fused.macs == 15 * 8 * 8 * 4 + 2 * 15 * 5 * 8 + 2 * 15 * 8 * 16


def test_whole_transformer_agrees_with_its_ops():
    module = nn.Transformer(8, 2, 1, 1, 16, dropout=0.0, batch_first=True)
    assert_formula_matches_ops(module, torch.rand(2, 3, 8), torch.rand(2, 4, 8), meta=False)


def test_transform_bias_rescale():
    found = ask(multihead.transform_bias_rescale_qkv, Size((2, 3, 24)), Size((24,)), 2, out=None)
    assert found == Ops(adds=2 * 3 * 24, muls=2 * 3 * 8)

"""Multi-head attention: figures written out, modules against ops, fused ops against parts."""

import copy

import pytest
import torch
from helpers.against_ops import assert_formula_matches_ops, by_formula, by_ops
from helpers.asked import ask
from helpers.written_out import attention as written_out
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Size, nn

from hookcount import Ops
from hookcount.formulas import multihead


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


def projected(rows, key_rows, embed, biased=True):
    """Queries, keys, values and the output, each by a matrix of [embed, embed]."""
    outputs = 2 * (rows + key_rows) * embed
    return Ops(macs=outputs * embed, adds=outputs if biased else 0)


X, KEYS = Size((3, 5, 8)), Size((3, 4, 8))
WEIGHTS = Size((24, 8)), Size((24,)), Size((8, 8)), Size((8,))


def test_native_attention_without_weights_is_projections_and_attention():
    args = X, KEYS, KEYS, 8, 2, *WEIGHTS
    expected = projected(15, 12, 8) + written_out(3, 2, 5, 4, 4, 4)
    native = "aten::_native_multi_head_attention"
    assert ask(native, *args, None, False) == expected
    masked = projected(15, 12, 8) + written_out(3, 2, 5, 4, 4, 4, masked=True)
    assert ask(native, *args, Size((3, 4)), False) == masked
    assert ask("aten::_triton_multi_head_attention", *args) == expected
    assert ask("aten::_triton_multi_head_attention", *args, Size((3, 4))) == masked


def test_native_attention_with_weights_scales_only_the_queries_and_averages():
    args = X, KEYS, KEYS, 8, 2, *WEIGHTS, None
    apart = ask("aten::_native_multi_head_attention", *args, True, False)
    scaled_keys = Ops(muls=3 * 2 * 4 * 4)  # batch, heads, keys, depth
    assert apart + scaled_keys == projected(15, 12, 8) + written_out(3, 2, 5, 4, 4, 4)
    # over 2 heads: one add and one division per score
    averaged = ask("aten::_native_multi_head_attention", *args, True, True)
    assert averaged == apart + Ops(adds=1, specials=1) * (3 * 5 * 4)


def test_two_masks_are_summed_once_per_score():
    module = nn.MultiheadAttention(8, 2, batch_first=True, bias=False)
    options = {"need_weights": False, "attn_mask": Size((5, 4))}
    one = ask(multihead.multihead_attention_module, module, X, KEYS, KEYS, **options)
    assert one == projected(15, 12, 8, biased=False) + written_out(3, 2, 5, 4, 4, 4, masked=True)
    options["key_padding_mask"] = Size((3, 4))
    two = ask(multihead.multihead_attention_module, module, X, KEYS, KEYS, **options)
    assert two == one + Ops(adds=3 * 2 * 5 * 4)


def test_keys_that_the_module_adds_are_attended_to():
    module = nn.MultiheadAttention(8, 2, batch_first=True, add_bias_kv=True, add_zero_attn=True)
    found = ask(multihead.multihead_attention_module, module, X, KEYS, KEYS, need_weights=False)
    assert found == projected(15, 12, 8) + written_out(3, 2, 5, 4 + 2, 4, 4)


@pytest.mark.parametrize(("use_gelu", "each"), [(False, Ops(compares=1)), (True, None)])
def test_encoder_layer_is_the_sum_of_its_parts(use_gelu, each):
    each = each or Ops(adds=1, muls=3, specials=1)  # 0.5 x (1 + erf(x / sqrt 2))
    feed = Size((16, 8)), Size((16,)), Size((8, 16)), Size((8,))
    norms = [Size((8,))] * 4
    args = X, 8, 2, *WEIGHTS, use_gelu, False, 1e-5, *norms, *feed
    rows = 3 * 5
    # mean: 7 adds, a division; x - mean: 8; variance: 8 muls, 7 adds, a division; eps, sqrt, 1/it;
    # then a mul by it, a mul and an add for weight and bias
    norm = Ops(adds=7 + 8 + 7 + 1 + 8, muls=8 + 8 + 8, specials=2 + 2) * rows
    layers = Ops(macs=2 * rows * 8 * 16, adds=rows * (16 + 8))
    residuals = Ops(adds=2 * rows * 8)
    attended = projected(rows, rows, 8) + written_out(3, 2, 5, 5, 4, 4)
    expected = attended + norm * 2 + layers + each * (rows * 16) + residuals
    assert ask("aten::_transformer_encoder_layer_fwd", *args) == expected
    masked = ask("aten::_transformer_encoder_layer_fwd", *args, Size((3, 5)))
    assert masked == expected + Ops(adds=3 * 2 * 5 * 5)

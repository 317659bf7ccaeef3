"""Recurrent layers and cells: figures written out, and modules against their ops."""

import pytest
import torch
from helpers.against_ops import assert_formula_matches_ops, by_formula
from helpers.asked import ask
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Size, nn
from torch.nn.utils.rnn import pack_sequence

from hookcount import Ops
from hookcount.formulas import recurrent

KINDS = (nn.RNN, nn.LSTM, nn.GRU)
SIGMOID, TANH = Ops(adds=2, specials=2), Ops(adds=2, muls=1, specials=2)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_layers_agree_with_their_ops(data):
    draw = data.draw
    kind = draw(st.sampled_from(KINDS))
    options = {
        "num_layers": draw(st.integers(1, 2)),
        "bias": draw(st.booleans()),
        "batch_first": draw(st.booleans()),
        "bidirectional": draw(st.booleans()),
    }
    if kind is nn.RNN:
        options["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    if kind is nn.LSTM:
        options["proj_size"] = draw(st.sampled_from([0, 2]))
    module = kind(3, 4, **options)
    given_ = torch.rand(*([5] if draw(st.booleans()) else [5, 2]), 3)
    with torch.set_grad_enabled(draw(st.booleans())):
        assert_formula_matches_ops(module, given_)


@settings(max_examples=10, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    bidirectional=st.booleans(),
    layers=st.integers(1, 2),
)
def test_packed_sequences_agree_with_their_ops(kind, lengths, bidirectional, layers):
    packed = pack_sequence([torch.rand(n, 3) for n in lengths], enforce_sorted=False)
    module = kind(3, 4, num_layers=layers, bidirectional=bidirectional)
    assert_formula_matches_ops(module, packed, meta=False)


@settings(max_examples=10, deadline=None)
@given(
    kind=st.sampled_from([nn.RNNCell, nn.LSTMCell, nn.GRUCell]),
    bias=st.booleans(),
    batched=st.booleans(),
)
def test_cells_agree_with_their_ops(kind, bias, batched):
    assert_formula_matches_ops(kind(3, 4, bias=bias), torch.rand(*([2] if batched else []), 3))


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_between_layers_counts_in_training(kind):
    module = kind(3, 4, num_layers=3, dropout=0.5)
    assert_formula_matches_ops(module.train(), torch.rand(5, 2, 3))
    assert_formula_matches_ops(module.eval(), torch.rand(5, 2, 3))


def test_a_given_state_costs_nothing_more():
    module, given_ = nn.LSTM(3, 4), torch.rand(5, 2, 3)
    assert_formula_matches_ops(module, given_, (torch.rand(1, 2, 4), torch.rand(1, 2, 4)))
    assert by_formula(module, given_) == by_formula(
        module, given_, (torch.rand(1, 2, 4), torch.rand(1, 2, 4))
    )


def test_lstm():
    # 10 positions: 4 gates of 4 units, products with 3 inputs and 4 outputs, two biases and a sum
    # each; then each unit
    unit = 3 * SIGMOID + 2 * TANH + Ops(adds=1, muls=3)
    expected = Ops(macs=4 * 4 * (3 + 4), adds=4 * 4 * (2 + 1)) * 10 + unit * (10 * 4)
    assert by_formula(nn.LSTM(3, 4), torch.rand(5, 2, 3)) == expected
    assert (
        by_formula(nn.LSTM(3, 4, bias=False), torch.rand(5, 2, 3)).adds
        == expected.adds - 10 * 2 * 16
    )


def test_lstm_with_projection():
    found = by_formula(
        nn.LSTM(3, 4, proj_size=2, num_layers=2, bidirectional=True), torch.rand(5, 2, 3)
    )
    assert found.macs == 10 * 2 * (4 * 4 * (3 + 2) + 4 * 2) + 10 * 2 * (4 * 4 * (2 * 2 + 2) + 4 * 2)


def test_gru_and_rnn_cells():
    unit = 2 * SIGMOID + TANH + Ops(adds=2 + 1 + 2, muls=1 + 1)
    assert (
        by_formula(nn.GRUCell(3, 4), torch.rand(2, 3))
        == Ops(macs=2 * 12 * 7, adds=2 * 2 * 12) + unit * 8
    )
    assert (
        by_formula(nn.RNNCell(3, 4), torch.rand(2, 3))
        == Ops(macs=2 * 4 * 7, adds=2 * 2 * 4 + 8) + TANH * 8
    )
    relu = nn.RNNCell(3, 4, nonlinearity="relu")
    assert by_formula(relu, torch.rand(2, 3)) == Ops(macs=2 * 4 * 7, adds=2 * 2 * 4 + 8, compares=8)


def cudnn(mode, stride, projected=0, layers=2, bidirectional=True, dropout=0.0):
    weights = (Size((1,)),) * (stride * layers * (1 + bidirectional))
    head = (
        Size((5, 2, 3)),
        weights,
        stride,
        None,
        Size((4, 2, 4)),
        None,
        mode,
        4,
        projected,
        layers,
    )
    return ask(recurrent.cudnn_rnn, *head, False, dropout, True, bidirectional, (), None, out=None)


@pytest.mark.parametrize(("mode", "kind"), [(1, nn.RNN), (2, nn.LSTM), (3, nn.GRU)])
def test_cudnn_op_costs_the_module(mode, kind):
    options = {"num_layers": 2, "bidirectional": True}
    assert cudnn(mode, 4) == by_formula(kind(3, 4, **options), torch.rand(5, 2, 3))
    assert cudnn(mode, 2) == by_formula(kind(3, 4, bias=False, **options), torch.rand(5, 2, 3))
    assert cudnn(mode, 4, dropout=0.5) == by_formula(
        kind(3, 4, dropout=0.5, **options), torch.rand(5, 2, 3)
    )


def test_cudnn_op_with_projection():
    module = nn.LSTM(3, 4, num_layers=2, bidirectional=True, proj_size=2)
    assert cudnn(2, 5, projected=2) == by_formula(module, torch.rand(5, 2, 3))


def test_miopen_op_costs_the_module():
    head = (Size((5, 2, 3)), (Size((1,)),) * 4, 4, Size((1, 2, 4)), None, 3, 4, 1)
    found = ask(recurrent.miopen_rnn, *head, False, 0.0, True, False, (), None, out=None)
    assert found == by_formula(nn.GRU(3, 4), torch.rand(5, 2, 3))


@pytest.mark.parametrize(
    ("op", "cell", "gates"),
    [(recurrent.fused_lstm_cell, nn.LSTMCell, 4), (recurrent.fused_gru_cell, nn.GRUCell, 3)],
)
def test_fused_step_is_what_the_products_leave(op, cell, gates):
    products = Ops(macs=2 * gates * 4 * (3 + 4))
    wide, bias = Size((2, gates * 4)), Size((gates * 4,))
    assert products + ask(op, wide, wide, Size((2, 4)), bias, bias, out=None) == by_formula(
        cell(3, 4), torch.rand(2, 3)
    )
    assert products + ask(op, wide, wide, Size((2, 4)), out=None) == by_formula(
        cell(3, 4, bias=False), torch.rand(2, 3)
    )

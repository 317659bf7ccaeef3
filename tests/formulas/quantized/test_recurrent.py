"""Quantized recurrent ops, each against its floating-point counterpart."""

import torch
from helpers.against_ops import by_formula
from helpers.asked import ask
from torch import Size, nn

from hookcount.formulas.quantized import recurrent


def test_recurrent_layers_as_their_counterparts():
    given_ = Size((5, 2, 3))
    rest = (None, True, 2, 0.0, False, True, False)
    lstm = ask(
        recurrent.quantized_recurrent, given_, (Size((4, 2, 4)), Size((4, 2, 4))), *rest, out=None
    )
    assert lstm == by_formula(nn.LSTM(3, 4, 2, bidirectional=True), torch.rand(5, 2, 3))
    gru = ask(recurrent.quantized_recurrent, given_, Size((4, 2, 4)), *rest, out=None)
    assert gru == by_formula(nn.GRU(3, 4, 2, bidirectional=True), torch.rand(5, 2, 3))
    cell = ask(
        "quantized::quantized_gru_cell_dynamic",
        Size((2, 3)),
        Size((2, 4)),
        None,
        None,
        None,
        None,
        out=Size((2, 4)),
    )
    assert cell == by_formula(nn.GRUCell(3, 4), torch.rand(2, 3))

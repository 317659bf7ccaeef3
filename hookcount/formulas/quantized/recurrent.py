"""Quantized recurrent ops. Each counts as its floating-point counterpart."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Size

from ...core.ops import Ops
from ..builtin import formula
from ..recurrent import GRU_CELL, LSTM_CELL, RELU_CELL, TANH_CELL, Cell, stack, steps


@formula("aten::quantized_lstm.input", kind="recurrent")
@formula("aten::quantized_gru.input", kind="recurrent")
def quantized_recurrent(
    input: Size,
    hx: Size | Sequence[Size],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
) -> Ops:
    """[T, N, D * H] = all layers in all directions of [T, N, I].

    The state of an LSTM is a pair of tensors, that of a GRU a tensor.
    """
    return _recurrent(input, hx, has_biases, num_layers, dropout if train else 0.0, bidirectional)


@formula("aten::quantized_lstm.data", kind="recurrent")
@formula("aten::quantized_gru.data", kind="recurrent")
def quantized_recurrent_packed(
    data: Size,
    hx: Size | Sequence[Size],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
) -> Ops:
    """[rows, D * H] = all layers in all directions of [rows, I], the rows of a packed sequence."""
    return _recurrent(data, hx, has_biases, num_layers, dropout if train else 0.0, bidirectional)


def _recurrent(
    input: Size,
    hx: Size | Sequence[Size],
    biased: bool,
    layers: int,
    dropout: float,
    bidirectional: bool,
) -> Ops:
    cell, state = (GRU_CELL, hx) if isinstance(hx, Size) else (LSTM_CELL, hx[0])
    rows, width = prod(input[:-1]), input[-1]
    return stack(
        cell,
        rows,
        width,
        state[-1],
        layers=layers,
        bidirectional=bidirectional,
        biased=biased,
        dropout=dropout,
    )


def _cell(name: str, cell: Cell) -> None:
    def one_step(input: Size, hx: Size | Sequence[Size]) -> Ops:
        """[N, H] = cell([N, I], [N, H]): one step, with biases."""
        state = hx if isinstance(hx, Size) else hx[0]
        return steps(cell, prod(input[:-1]), input[-1], state[-1], biased=True)

    formula(f"quantized::quantized_{name}_cell_dynamic", kind="recurrent")(one_step)


for _name, _kind in (
    ("lstm", LSTM_CELL),
    ("gru", GRU_CELL),
    ("rnn_relu", RELU_CELL),
    ("rnn_tanh", TANH_CELL),
):
    _cell(_name, _kind)

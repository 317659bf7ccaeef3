"""Recurrent layers and cells: ``nn.RNN``, ``nn.LSTM``, ``nn.GRU``, and the ops that run a step or a whole sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from torch import Size, nn

from ..core.ops import NOTHING, Ops
from .arithmetic import SIGMOID, TANH, matmul
from .builtin import formula, free


@dataclass(frozen=True)
class Cell:
    """A kind of recurrent cell: how many gates it has, and what one unit of its state costs besides the gates' products."""

    gates: int
    unit: Ops


RELU_CELL = Cell(1, Ops(adds=1) + Ops(compares=1))
"""h' = relu(i + h): the sum of the two products, and a compare."""

TANH_CELL = Cell(1, Ops(adds=1) + TANH)
"""h' = tanh(i + h): the sum of the two products, and a tanh."""

LSTM_CELL = Cell(4, Ops(adds=4) + SIGMOID * 3 + TANH * 2 + Ops(adds=1, muls=3))
"""Four sums of products; i, f, o sigmoids, g a tanh; c' = f c + i g: 2 muls, an add; h' = o tanh(c'): a mul, a tanh."""

GRU_CELL = Cell(3, Ops(adds=2) + SIGMOID * 2 + Ops(adds=1, muls=1) + TANH + Ops(adds=2, muls=1))
"""r, z: a sum and a sigmoid each; n = tanh(i + r h): a mul, an add, a tanh; h' = (h - n) z + n: 2 adds, a mul."""

CELLS = {"RNN_RELU": RELU_CELL, "RNN_TANH": TANH_CELL, "LSTM": LSTM_CELL, "GRU": GRU_CELL}
BY_CUDNN_MODE = (RELU_CELL, TANH_CELL, LSTM_CELL, GRU_CELL)


def steps(
    cell: Cell, rows: int, inputs: int, hidden: int, *, biased: bool, projected: int = 0
) -> Ops:
    """[rows, hidden] = cell([rows, inputs], [rows, hidden]), once for each of ``rows`` positions of each sequence.

    The gates' products with the input and with the last output are contractions; each has a bias, if any, of an add per gate.
    With a projection the output is a product of hidden by ``projected``, and it is that which comes back.
    """
    outputs = projected or hidden
    ops = matmul(rows, inputs + outputs, cell.gates * hidden) + cell.unit * (rows * hidden)
    if biased:
        ops = ops + Ops(adds=2 * rows * cell.gates * hidden)
    return ops + matmul(rows, hidden, projected) if projected else ops


def stack(
    cell: Cell,
    rows: int,
    inputs: int,
    hidden: int,
    *,
    layers: int,
    bidirectional: bool,
    biased: bool,
    dropout: float = 0.0,
    projected: int = 0,
) -> Ops:
    """Layer upon layer of ``steps``, each in every direction; a layer above takes the outputs of all directions below.

    ``dropout`` is that of a training pass, between the layers: a division and a mul for each value.
    """
    directions = 2 if bidirectional else 1
    width = directions * (projected or hidden)
    ops = steps(cell, rows, inputs, hidden, biased=biased, projected=projected)
    ops = ops + steps(cell, rows, width, hidden, biased=biased, projected=projected) * (layers - 1)
    dropped = rows * width * (layers - 1) if dropout > 0 else 0
    return ops * directions + Ops(muls=dropped, specials=dropped)


@formula(nn.RNN, kind="recurrent")
@formula(nn.LSTM, kind="recurrent")
@formula(nn.GRU, kind="recurrent")
def recurrent_module(module: nn.RNNBase, input: Any) -> Ops:
    """[T, N, D * H] = rnn([T, N, I]), batched or not, or of a packed sequence, whose rows are its real positions alone."""
    data = input if isinstance(input, Size) else input[0]
    return stack(
        CELLS[module.mode],
        prod(data[:-1]),
        data[-1],
        module.hidden_size,
        layers=module.num_layers,
        bidirectional=module.bidirectional,
        biased=module.bias,
        dropout=module.dropout if module.training else 0.0,
        projected=getattr(module, "proj_size", 0),
    )


def _cell_module(cell: Cell, module: nn.RNNCellBase, input: Size) -> Ops:
    return steps(cell, prod(input[:-1]), input[-1], module.hidden_size, biased=module.bias)


@formula(nn.RNNCell, kind="recurrent")
def rnn_cell_module(module: nn.RNNCell, input: Size) -> Ops:
    """[N, H] = cell([N, I], [N, H]): a single step, batched or not."""
    return _cell_module(TANH_CELL if module.nonlinearity == "tanh" else RELU_CELL, module, input)


@formula(nn.LSTMCell, kind="recurrent")
def lstm_cell_module(module: nn.LSTMCell, input: Size) -> Ops:
    """[N, H], [N, H] = cell([N, I], ([N, H], [N, H])): a single step, batched or not."""
    return _cell_module(LSTM_CELL, module, input)


@formula(nn.GRUCell, kind="recurrent")
def gru_cell_module(module: nn.GRUCell, input: Size) -> Ops:
    """[N, H] = cell([N, I], [N, H]): a single step, batched or not."""
    return _cell_module(GRU_CELL, module, input)


@formula("aten::_thnn_fused_lstm_cell", kind="recurrent")
def fused_lstm_cell(input_gates: Size, cx: Size, input_bias: Any = None) -> Ops:
    """[N, H], [N, H] = what is left of a step when both products, [N, 4 H] each, are there."""
    return _fused_step(LSTM_CELL, input_gates, cx, input_bias)


@formula("aten::_thnn_fused_gru_cell", kind="recurrent")
def fused_gru_cell(input_gates: Size, hx: Size, input_bias: Any = None) -> Ops:
    """[N, H] = what is left of a step when both products, [N, 3 H] each, are there."""
    return _fused_step(GRU_CELL, input_gates, hx, input_bias)


def _fused_step(cell: Cell, gates: Size, state: Size, bias: Any) -> Ops:
    return cell.unit * prod(state) + (NOTHING if bias is None else Ops(adds=2 * prod(gates)))


@formula("aten::mkldnn_rnn_layer", kind="recurrent")
def mkldnn_rnn_layer(input: Size, mode: int, hidden_size: int, has_biases: bool) -> Ops:
    """[T, N, H] = one layer in one direction of [T, N, I]; ``num_layers`` is that of the whole, of which this is a part."""
    return steps(BY_CUDNN_MODE[mode], prod(input[:-1]), input[-1], hidden_size, biased=has_biases)


@formula("aten::mkldnn_rnn_layer_backward", kind="recurrent")
def mkldnn_rnn_layer_backward(input: Size, mode: int, hidden_size: int, has_biases: bool) -> Ops:
    """dx, dW, dh = gradients of one layer: of each product two, to its input and its weight; the rest is taken twice."""
    return (
        steps(BY_CUDNN_MODE[mode], prod(input[:-1]), input[-1], hidden_size, biased=has_biases) * 2
    )


@formula("aten::_cudnn_rnn", kind="recurrent")
def cudnn_rnn(
    input: Size,
    weight_stride0: int,
    mode: int,
    hidden_size: int,
    proj_size: int,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
) -> Ops:
    """[T, N, D * H] = all layers in all directions of [T, N, I], or of the rows of a packed sequence."""
    parts = weight_stride0 - (
        1 if proj_size else 0
    )  # weights of a layer and direction: two, two biases, a projection
    return stack(
        BY_CUDNN_MODE[mode],
        prod(input[:-1]),
        input[-1],
        hidden_size,
        layers=num_layers,
        bidirectional=bidirectional,
        biased=parts == 4,
        dropout=dropout if train else 0.0,
        projected=proj_size,
    )


@formula("aten::miopen_rnn", kind="recurrent")
def miopen_rnn(
    input: Size,
    weight_stride0: int,
    mode: int,
    hidden_size: int,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
) -> Ops:
    """[T, N, D * H] = all layers in all directions of [T, N, I], or of the rows of a packed sequence."""
    return stack(
        BY_CUDNN_MODE[mode],
        prod(input[:-1]),
        input[-1],
        hidden_size,
        layers=num_layers,
        bidirectional=bidirectional,
        biased=weight_stride0 == 4,
        dropout=dropout if train else 0.0,
    )


@formula("aten::_lstm_mps", kind="recurrent")
def lstm_mps(
    input: Size,
    hx: Sequence[Size],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
) -> Ops:
    """[T, N, D * H] = all layers in all directions of [T, N, I]."""
    return stack(
        LSTM_CELL,
        prod(input[:-1]),
        input[-1],
        hx[0][-1],
        layers=num_layers,
        bidirectional=bidirectional,
        biased=has_biases,
        dropout=dropout if train else 0.0,
    )


free(["aten::_cudnn_rnn_flatten_weight"])

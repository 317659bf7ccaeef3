"""Recurrent layers and cells: ``nn.RNN``, ``nn.LSTM``, ``nn.GRU``, and the ops that run them.

In the equations T is the length of the sequences, N the batch, I are the input features, H the
hidden features, D the directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from torch import Size, nn

from ..core.ops import NOTHING, Ops
from .arithmetic import SIGMOID, TANH, Outputs, first, matmul
from .builtin import formula, free


@dataclass(frozen=True)
class Cell:
    """A kind of recurrent cell."""

    gates: int
    """The number of gates. Per unit each takes a dot product with the input and the last output."""
    unit: Ops
    """The cost of one unit of the state, without these products."""


RELU_CELL = Cell(1, Ops(adds=1) + Ops(compares=1))
"""h' = relu(i + h), i and h the two products: an add and a compare."""

TANH_CELL = Cell(1, Ops(adds=1) + TANH)
"""h' = tanh(i + h), i and h the two products: an add and a tanh."""

LSTM_CELL = Cell(4, Ops(adds=4) + SIGMOID * 3 + TANH * 2 + Ops(adds=1, muls=3))
"""Four sums of two products; sigmoids for i, f and o, a tanh for g.

c' = f c + i g: 2 muls, an add. h' = o tanh(c'): a mul, a tanh.
"""

GRU_CELL = Cell(3, Ops(adds=2) + SIGMOID * 2 + Ops(adds=1, muls=1) + TANH + Ops(adds=2, muls=1))
"""r and z: a sum of two products and a sigmoid each.

n = tanh(i + r h): a mul, an add, a tanh. h' = (h - n) z + n: 2 adds, a mul.
"""

CELLS = {"RNN_RELU": RELU_CELL, "RNN_TANH": TANH_CELL, "LSTM": LSTM_CELL, "GRU": GRU_CELL}
"""By the ``mode`` of an ``nn.RNNBase``."""

BY_CUDNN_MODE = (RELU_CELL, TANH_CELL, LSTM_CELL, GRU_CELL)
"""By the number that cuDNN gives to a mode."""


def steps(
    cell: Cell, rows: int, inputs: int, hidden: int, *, biased: bool, projected: int = 0
) -> Ops:
    """[rows, hidden] = cell([rows, inputs], [rows, hidden]), a row per sequence and position.

    Each gate contracts the input and the last output. Biases, if any, are an add per gate for each
    of the two products. With ``projected``, a product maps the state from ``hidden`` to
    ``projected`` features: these are the output, and the input of the next step.
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
    """[rows, D * hidden] = ``layers`` layers of ``steps``, each in every direction.

    A higher layer takes the outputs of all directions of the layer below. ``dropout`` is the
    probability in a training pass: a division and a mul per value, between the layers.
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
def recurrent_module(module: nn.RNNBase, input: Outputs) -> Ops:
    """[T, N, D * H] = rnn([T, N, I]), batched or not, or of a packed sequence.

    A packed sequence has a row for each real position, and none for padding.
    """
    data = first(input)
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
    """[N, H] = cell([N, I], [N, H]): a single step, batched or not."""
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
def fused_lstm_cell(input_gates: Size, cx: Size, input_bias: Size | None = None) -> Ops:
    """[N, H], [N, H] = the rest of a step, given both products of [N, 4 H] and the state [N, H]."""
    return _fused_step(LSTM_CELL, input_gates, cx, input_bias)


@formula("aten::_thnn_fused_gru_cell", kind="recurrent")
def fused_gru_cell(input_gates: Size, hx: Size, input_bias: Size | None = None) -> Ops:
    """[N, H] = the rest of a step, given both products of [N, 3 H] and the state [N, H]."""
    return _fused_step(GRU_CELL, input_gates, hx, input_bias)


def _fused_step(cell: Cell, gates: Size, state: Size, bias: Size | None) -> Ops:
    """[N, H] = the rest of a step, and an add per gate for each of the two biases, if any."""
    return cell.unit * prod(state) + (NOTHING if bias is None else Ops(adds=2 * prod(gates)))


@formula("aten::mkldnn_rnn_layer", kind="recurrent")
def mkldnn_rnn_layer(input: Size, mode: int, hidden_size: int, has_biases: bool) -> Ops:
    """[T, N, H] = rnn([T, N, I]), a single layer in one direction.

    The argument ``num_layers`` of the op is the number of layers of the whole: not used here.
    """
    return steps(BY_CUDNN_MODE[mode], prod(input[:-1]), input[-1], hidden_size, biased=has_biases)


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
    """[T, N, D * H] = rnn([T, N, I]), all layers and directions, or of a packed sequence's rows.

    ``weight_stride0`` is the number of weights per layer and direction: two, with biases four, and
    one more with a projection.
    """
    parts = weight_stride0 - (1 if proj_size else 0)
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
    """[T, N, D * H] = rnn([T, N, I]), all layers and directions, or of a packed sequence's rows."""
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
    """[T, N, D * H] = lstm([T, N, I]), all layers and directions."""
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

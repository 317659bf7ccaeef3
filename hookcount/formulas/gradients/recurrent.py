"""Gradients of recurrent layers and cells.

The gates and states of the forward are kept, so none is computed again. In the docstrings d stands
before a name for its gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Size

from ...core.ops import NOTHING, Ops
from ..arithmetic import TANH, matmul
from ..builtin import formula
from ..recurrent import BY_CUDNN_MODE, GRU_CELL, LSTM_CELL, RELU_CELL, TANH_CELL, Cell

UNIT: dict[Cell, Ops] = {
    # h > 0 ? dh : 0
    RELU_CELL: Ops(compares=1),
    # dh (1 - h h)
    TANH_CELL: Ops(adds=1, muls=2),
    # t = tanh(c'); do = dh t; dc' += dh o (1 - t t);
    # di = dc' g; df = dc' c; dg = dc' i; dc = dc' f.
    # Then i, f and o: their gradient times s (1 - s). g: its gradient times 1 - g g.
    LSTM_CELL: TANH + Ops(muls=1 + 3 + 4, adds=2) + Ops(adds=1, muls=2) * 4,
    # dz = dh (h - n) z (1 - z); dh z; dn = dh (1 - z) (1 - n n); dn r; dr = dn u r (1 - r),
    # with u the product of h that r scales
    GRU_CELL: Ops(adds=2, muls=3) + Ops(muls=1) + Ops(adds=1, muls=3) + Ops(adds=1, muls=4),
}
"""By cell, the cost of one unit of the state, without products: gradients of gates and states."""


def biases(cell: Cell) -> int:
    """The gradients of biases per unit: one for each gate, as both its biases have the same.

    The two biases of a GRU's n have different ones, since r scales one of them.
    """
    return cell.gates + (cell is GRU_CELL)


def steps_backward(
    cell: Cell,
    rows: int,
    inputs: int,
    hidden: int,
    *,
    biased: bool,
    weights: bool,
    projected: int = 0,
) -> Ops:
    """Gradients of [rows, hidden] = cell([rows, inputs], [rows, hidden]).

    Each product of the forward has one product for the gradient of its input, and with ``weights``
    one for that of its weight. The gradient of the state has two parts, from above and from the
    next step: an add. The gradient of a bias sums over the rows.
    """
    product = matmul(rows, inputs + (projected or hidden), cell.gates * hidden)
    product = product + matmul(rows, hidden, projected)
    ops = (product + product if weights else product) + (UNIT[cell] + Ops(adds=1)) * (rows * hidden)
    return ops + Ops(adds=biases(cell) * rows * hidden) if biased and weights else ops


def stack_backward(
    cell: Cell,
    rows: int,
    inputs: int,
    hidden: int,
    *,
    layers: int,
    bidirectional: bool,
    biased: bool,
    weights: bool,
    dropout: float = 0.0,
    projected: int = 0,
) -> Ops:
    """Gradients of ``recurrent.stack``: ``steps_backward`` in each layer and direction.

    The gradient of dropout is 2 muls per value, between the layers.
    """
    directions = 2 if bidirectional else 1
    width = directions * (projected or hidden)
    ops = NOTHING
    for features, count in ((inputs, 1), (width, layers - 1)):
        one = steps_backward(
            cell, rows, features, hidden, biased=biased, weights=weights, projected=projected
        )
        ops = ops + one * (directions * count)
    return ops + Ops(muls=2 * rows * width * (layers - 1)) if dropout > 0 else ops


@formula("aten::_thnn_fused_lstm_cell_backward_impl", kind="recurrent")
def fused_lstm_cell_backward(cx: Size, has_bias: bool) -> Ops:
    """[N, 4 H], [N, H], [4 H] = gradients of the gates, of c and of the bias: see ``UNIT``.

    The products are ops of their own. The bias sums over N - 1 rows.
    """
    return _fused_backward(LSTM_CELL, cx, has_bias)


@formula("aten::_thnn_fused_gru_cell_backward", kind="recurrent")
def fused_gru_cell_backward(grad_hy: Size, has_bias: bool) -> Ops:
    """2 [N, 3 H], [N, H], 2 [3 H] = gradients of both products, of h and of the biases.

    See ``UNIT``. The products are ops of their own. Each bias sums over N - 1 rows.
    """
    ops = _fused_backward(GRU_CELL, grad_hy, False)
    return ops + _summed(2 * GRU_CELL.gates, grad_hy) if has_bias else ops


def _fused_backward(cell: Cell, state: Size, biased: bool) -> Ops:
    ops = UNIT[cell] * prod(state)
    return ops + _summed(cell.gates, state) if biased else ops


def _summed(gates: int, state: Size) -> Ops:
    """[gates * H] = sums of [N, gates * H] over the rows."""
    return Ops(adds=gates * state[-1] * max(prod(state[:-1]) - 1, 0))


@formula("aten::mkldnn_rnn_layer_backward", kind="recurrent")
def mkldnn_rnn_layer_backward(input: Size, mode: int, hidden_size: int, has_biases: bool) -> Ops:
    """dx, dW, dh, ... = gradients of [T, N, H] = rnn([T, N, I]), one layer in one direction."""
    return steps_backward(
        BY_CUDNN_MODE[mode],
        prod(input[:-1]),
        input[-1],
        hidden_size,
        biased=has_biases,
        weights=True,
    )


@formula("aten::_cudnn_rnn_backward", kind="recurrent")
def cudnn_rnn_backward(
    input: Size,
    weight_stride0: int,
    mode: int,
    hidden_size: int,
    proj_size: int,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    output_mask: Sequence[bool],
) -> Ops:
    """dx, dh, dc, dW = gradients of [T, N, D * H] = rnn([T, N, I]), all layers and directions.

    cuDNN computes those of the weights from those of the inputs. So only the weights' can be left
    out.
    """
    return stack_backward(
        BY_CUDNN_MODE[mode],
        prod(input[:-1]),
        input[-1],
        hidden_size,
        layers=num_layers,
        bidirectional=bidirectional,
        biased=weight_stride0 - (1 if proj_size else 0) == 4,
        weights=output_mask[3],
        dropout=dropout if train else 0.0,
        projected=proj_size,
    )


@formula("aten::miopen_rnn_backward", kind="recurrent")
def miopen_rnn_backward(
    input: Size,
    weight_stride0: int,
    mode: int,
    hidden_size: int,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    output_mask: Sequence[bool],
) -> Ops:
    """dx, dh, dc, dW = gradients of [T, N, D * H] = rnn([T, N, I]), all layers and directions."""
    return stack_backward(
        BY_CUDNN_MODE[mode],
        prod(input[:-1]),
        input[-1],
        hidden_size,
        layers=num_layers,
        bidirectional=bidirectional,
        biased=weight_stride0 == 4,
        weights=output_mask[3],
        dropout=dropout if train else 0.0,
    )


@formula("aten::lstm_mps_backward", kind="recurrent")
def lstm_mps_backward(
    input: Size,
    hx: Sequence[Size],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
) -> Ops:
    """dx, dW, dh = gradients of [T, N, D * H] = lstm([T, N, I]), all layers and directions."""
    return stack_backward(
        LSTM_CELL,
        prod(input[:-1]),
        input[-1],
        hx[0][-1],
        layers=num_layers,
        bidirectional=bidirectional,
        biased=has_biases,
        weights=True,
        dropout=dropout if train else 0.0,
    )

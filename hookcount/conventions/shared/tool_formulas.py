"""Formulas that two or more tools share.

thop and ultralytics-thop share recurrent cells and norms. Tools of a jit trace share convolutions.
"""

from __future__ import annotations

from math import prod

from torch import Size, nn

from ...core.ops import NOTHING, Ops
from ...formulas.arithmetic import Outputs, first
from ...formulas.pooling import window_sums
from ...formulas.recurrent import Cell

Convolution = nn.modules.conv._ConvNd
"""The base of all convolutions, transposed ones included."""

AveragePool = nn.AvgPool1d | nn.AvgPool2d | nn.AvgPool3d

RNN_CELL = Cell(1, Ops(adds=1))
"""Per hidden unit the sum of both products."""

GRU_CELL = Cell(3, Ops(adds=3) + Ops(adds=1, muls=3))
"""Per hidden unit a sum of both products for each of 3 gates, and 4 more."""

LSTM_CELL = Cell(4, Ops(adds=4) + Ops(adds=1, muls=3))
"""Per hidden unit a sum of both products for each of 4 gates, and 4 more."""


def cell_of(module: nn.RNNBase | nn.RNNCellBase) -> Cell:
    """The cell of a recurrent module, as thop and ultralytics-thop count it."""
    if isinstance(module, (nn.LSTM, nn.LSTMCell)):
        return LSTM_CELL
    return GRU_CELL if isinstance(module, (nn.GRU, nn.GRUCell)) else RNN_CELL


def per_unit(module: nn.RNNBase | nn.RNNCellBase) -> int:
    """What a step costs per hidden unit beside its products and biases, in ptflops and DeepSpeed.

    It is 10 in an LSTM, 7 in a GRU, and 1 in a plain cell.
    """
    if isinstance(module, (nn.LSTM, nn.LSTMCell)):
        return 10
    return 7 if isinstance(module, (nn.GRU, nn.GRUCell)) else 1


def steps_of(input: Outputs) -> int:
    """The steps of recurrent layers on [T, N, I]. Of a packed sequence, each real position is one.

    The tools raise for a packed sequence.
    """
    return prod(input[:2]) if isinstance(input, Size) else first(input)[0]


def linear(module: nn.Linear, out: Size) -> Ops:
    """[*, n] = linear([*, k]): k per output; a bias costs nothing."""
    return Ops(macs=module.in_features * prod(out))


def norm(module: nn.Module, input: Size, /) -> Ops:
    """[*] = norm([*]): 2 per element, 4 with a weight."""
    affine = bool(getattr(module, "affine", False) or getattr(module, "elementwise_affine", False))
    return Ops(adds=prod(input), muls=prod(input)) * (1 + affine)


def softmax(rows: int, n: int) -> Ops:
    """[rows, n] = softmax([rows, n]): per row n exps, n - 1 adds and n divisions."""
    return Ops(adds=n - 1, specials=2 * n) * rows if n else NOTHING


def adaptive_average(input: Size, out: Size) -> Ops:
    """[N, C, *O] = adaptive average pool([N, C, *I]): 1 per element of each window, 1 per output.

    Windows may overlap.
    """
    return Ops(adds=window_sums(input, out, len(out)), specials=prod(out))


def pooled_axes(module: AveragePool) -> int:
    """The number of axes over which a module pools."""
    return 1 if isinstance(module, nn.AvgPool1d) else 3 if isinstance(module, nn.AvgPool3d) else 2


def convolution(module: Convolution, out: Size) -> Ops:
    """[N, Co, *O] = conv([N, Ci, *I], [Co, Ci/g, *K]): Ci/g * prod(K) per output."""
    return Ops(macs=prod(out) * prod(module.weight.shape[1:]))


def traced_convolution(module: Convolution, out: Size) -> Ops:
    """[N, Co, *O] = conv([N, Ci, *I], [Co, Ci/g, *K]): Ci/g * prod(K) per output, in a jit trace.

    With padding given as a word the trace has another op, which these tools do not price. A module
    with a ``padding_mode`` pads first and runs the usual op.
    """
    if isinstance(module.padding, str) and module.padding_mode == "zeros":
        return NOTHING
    return convolution(module, out)


def encoder_layer(src: Size, wide: int) -> tuple[Ops, int]:
    """[*, d] = encoder layer([*, d]), run as one op: the work of the modules that the op replaces.

    Returns the products of two linear layers, to ``wide`` features and back, and the number of
    elements that two norms take.
    """
    return Ops(macs=2 * prod(src) * wide), 2 * prod(src)

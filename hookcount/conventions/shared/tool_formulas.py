"""What two tools count alike: recurrent cells and norms in thop and ultralytics-thop, convolutions in those of a jit trace; and a
layer that ran as one op.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from torch import Size

from ...core.ops import NOTHING, Ops


def norm(module: Any, input: Size) -> Ops:
    """2 per input element, 4 with a weight."""
    affine = bool(getattr(module, "affine", False) or getattr(module, "elementwise_affine", False))
    return Ops(adds=prod(input), muls=prod(input)) * (1 + affine)


def softmax(rows: int, n: int) -> Ops:
    """n exps, n - 1 adds and n divisions per row."""
    return Ops(adds=n - 1, specials=2 * n) * rows if n else NOTHING


def windows(input: Size, out: Size) -> int:
    """Elements of all windows of an adaptive pool from ``input`` to ``out``; they may overlap."""
    pooled = 1
    for size, count in zip(input, out, strict=True):
        pooled *= (
            size
            if size == count
            else sum(-(-(j + 1) * size // count) - j * size // count for j in range(count))
        )
    return pooled


def traced_convolution(module: Any, input: Size, *, out: Size) -> Ops:
    """Outputs times input channels of a group times kernel positions, as tools of a jit trace count it: padding given as a word
    makes it another op there, which they do not know, unless the module pads first.
    """
    if isinstance(module.padding, str) and module.padding_mode == "zeros":
        return NOTHING
    return Ops(macs=prod(out) * prod(module.weight.shape[1:]))


def rnn(inputs: int, hidden: int, biased: bool) -> Ops:
    """One gate: the two products, their sum, two biases."""
    return Ops(macs=hidden * (inputs + hidden), adds=hidden + 2 * hidden * biased)


def gru(inputs: int, hidden: int, biased: bool) -> Ops:
    """Three gates and 4 per hidden unit."""
    return rnn(inputs, hidden, biased) * 3 + Ops(adds=hidden, muls=3 * hidden)


def lstm(inputs: int, hidden: int, biased: bool, projected: int = 0) -> Ops:
    """Four gates, 4 per hidden unit, and the product with the projection."""
    gate = rnn(inputs, hidden, biased)
    if projected:
        gate = Ops(macs=hidden * (inputs + projected), adds=gate.adds)
    return gate * 4 + Ops(macs=hidden * projected, adds=hidden, muls=3 * hidden)


def encoder_layer(src: Size, wide: int) -> tuple[Ops, int]:
    """Of a transformer layer that ran as one op, what its parts do where it does not: two linears to ``wide`` features and back,
    and the elements that its two norms take.
    """
    return Ops(macs=2 * prod(src) * wide), 2 * prod(src)


CELLS = {"RNN": rnn, "GRU": gru, "LSTM": lstm}


def layers(kind: str, module: Any, steps: int) -> Ops:
    """A recurrent module that takes ``steps`` vectors: a cell per layer and direction; projections as of plain layers."""
    return _layers(CELLS[kind], module, module.hidden_size, steps)


def projected_lstm(module: Any, steps: int) -> Ops:
    """As ``layers``, with the projection."""
    projected: int = module.proj_size

    def cell(inputs: int, hidden: int, biased: bool) -> Ops:
        return lstm(inputs, hidden, biased, projected)

    return _layers(cell, module, projected or module.hidden_size, steps)


def _layers(cell: Callable[[int, int, bool], Ops], module: Any, passed_on: int, steps: int) -> Ops:
    directions, depth = 2 if module.bidirectional else 1, int(module.num_layers)
    biased, hidden = bool(module.bias), module.hidden_size
    first = cell(module.input_size, hidden, biased)
    return (first + cell(passed_on * directions, hidden, biased) * (depth - 1)) * (
        directions * steps
    )

"""A recurrent layer as the one op of cuDNN, where a GPU would take it.

torch asks whether the input is on a GPU. For an input on meta it would run step by step. For one on
the GPU it looks for the memory of all weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from ..transforms import transformed
from ..values import OpArgs, OpResult
from .data import Data
from .fused_recurrent import is_packed
from .on_gpu import GPU
from .paths import claimed

_MODES = {"rnn_relu": 0, "rnn_tanh": 1, "lstm": 2, "gru": 3}
"""cuDNN's number of each kind of layer."""
_ACCEPTABLE = torch.ops.aten.cudnn_is_acceptable.default
_LAYERS = torch.ops.aten._cudnn_rnn.default


class _Layers(NamedTuple):
    """The arguments of ``torch.lstm`` and its kin, for a batch or for packed sequences."""

    input: torch.Tensor
    sizes: list[int]
    """Of packed sequences, the rows of each step. Else empty."""
    states: Sequence[torch.Tensor]
    weights: Sequence[torch.Tensor]
    depth: int
    dropout: float
    train: bool
    bidirectional: bool
    batch_first: bool


def on_cudnn(data: Data, name: str, args: OpArgs) -> OpResult | None:
    """The results of a layer that runs as cuDNN's op; None for one that does not."""
    if data.device.type != GPU or name not in _MODES or len(args) != 9 or transformed():
        return None
    if not _ACCEPTABLE(claimed(args[0], data.device)):
        return None
    given = _named(args)
    state = given.states[0]
    cell = given.states[1] if name == "lstm" else None
    hidden, projected = state.shape[-1], 0
    if cell is not None and cell.shape[-1] != hidden:
        hidden, projected = cell.shape[-1], hidden
    with torch._C.DisableTorchFunction():
        output, *states = _LAYERS(
            given.input,
            given.weights,
            len(given.weights) // (given.depth * (1 + given.bidirectional)),
            None,
            state,
            cell,
            _MODES[name],
            hidden,
            projected,
            given.depth,
            given.batch_first,
            given.dropout,
            given.train,
            given.bidirectional,
            given.sizes,
            None,
        )[:3]
    return (output, *states) if name == "lstm" else (output, states[0])


def _named(args: OpArgs) -> _Layers:
    first, second, third, fourth, *rest = args
    if not is_packed(args):
        states, weights, sizes, batch_first = second, third, [], rest.pop()
    else:
        states, weights, sizes, batch_first = third, fourth, second.tolist(), False
        del rest[0]
    states = (states,) if isinstance(states, torch.Tensor) else states
    depth, dropout, train, bidirectional = rest
    return _Layers(first, sizes, states, weights, depth, dropout, train, bidirectional, batch_first)

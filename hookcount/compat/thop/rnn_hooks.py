"""The hooks of thop for recurrent layers. Each adds the MACs of a call to ``m.total_ops``."""

from __future__ import annotations

from typing import Any

from ...conventions.thop import THOP, recurrent_cell, recurrent_layers
from ...core.trace import sizes
from ...observe.specs import described


def _layers(m: Any, x: Any, y: Any) -> None:
    """[T, N, D * H] = all layers in all directions of [T, N, I]: see the convention of thop."""
    m.total_ops += THOP.figure(recurrent_layers(m, sizes(described(x[0])), sizes(described(y))))


def _cell(m: Any, x: Any, y: Any) -> None:
    """[N, H] = cell([N, I], [N, H]): one step for each sample."""
    m.total_ops += THOP.figure(recurrent_cell(m, x[0].shape))


count_rnn = count_gru = count_lstm = _layers
count_rnn_cell = count_gru_cell = count_lstm_cell = _cell

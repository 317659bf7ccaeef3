"""The hooks of ultralytics-thop for recurrent layers. Each adds its MACs to ``m.total_ops``."""

from __future__ import annotations

from torch import nn

from ...conventions.ultralytics import ULTRALYTICS
from ..hooks import hooks_of

_hook = hooks_of(ULTRALYTICS, "total_ops")

count_rnn = _hook(nn.RNN)
count_gru = _hook(nn.GRU)
count_lstm = _hook(nn.LSTM)
count_rnn_cell = _hook(nn.RNNCell)
count_gru_cell = _hook(nn.GRUCell)
count_lstm_cell = _hook(nn.LSTMCell)

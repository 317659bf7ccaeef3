"""The hooks of ultralytics-thop, to give in ``custom_ops``.

A hook is called as ``hook(m, x, y)`` with the module, its arguments and its result. It adds the
MACs of a call to ``m.total_ops``.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from ....conventions.ultralytics import ULTRALYTICS
from ...hooks import hooks_of

_hook = hooks_of(ULTRALYTICS, "total_ops")


def zero_ops(m: Any, x: Any, y: Any) -> None:
    """Nothing."""


def count_embedding(m: Any, x: Any, y: Any) -> None:
    """Nothing: rows are copied."""


def count_prelu(m: Any, x: Any, y: Any) -> None:
    """[*] = prelu([*]): 1 per element in eval mode."""
    if not m.training:
        m.total_ops += y.numel()


count_convNd = _hook(nn.Conv2d)
count_convtNd = _hook(nn.ConvTranspose2d)
count_normalization = _hook(nn.LayerNorm)
count_softmax = _hook(nn.Softmax)
count_avgpool = _hook(nn.AvgPool2d)
count_adap_avgpool = _hook(nn.AdaptiveAvgPool2d)
count_upsample = _hook(nn.Upsample)
count_linear = _hook(nn.Linear)
count_bilinear = _hook(nn.Bilinear)
count_multihead_attention = _hook(nn.MultiheadAttention)

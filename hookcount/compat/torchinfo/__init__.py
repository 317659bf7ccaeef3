"""``from hookcount.compat.torchinfo import summary`` in place of ``from torchinfo import summary``; torchinfo is not needed.

>>> import torch
>>> from torch import nn
>>> found = summary(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()), input_size=(1, 3, 6, 6), verbose=0)
>>> found.total_params, found.total_mult_adds              # 3 * 8 * 9 + 8; each of them at 4 * 4 positions
(224, 3584)
"""

from .layers import LayerInfo
from .statistics import ModelStatistics
from .summarize import summary

__all__ = ["LayerInfo", "ModelStatistics", "summary"]

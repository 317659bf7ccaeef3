"""``from hookcount.compat.fvcore import FlopCountAnalysis, flop_count_table`` in place of ``from fvcore.nn import ...``.

fvcore itself is not needed. Its figures are those of ops as a jit trace has them, so ops that are made of others (linear, layer
norm, attention) are seen whole here too.

>>> import torch
>>> from torch import nn
>>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).eval()
>>> flops = FlopCountAnalysis(model, torch.zeros(1, 3, 6, 6))
>>> flops.total()                                          # 8 * 4 * 4 outputs of 3 * 3 * 3 products, and 2 for each in the norm
3712
>>> flops.by_operator(), flops.by_module()["0"]
(Counter({'conv': 3456, 'batch_norm': 256}), 3456)
"""

from .analysis import FlopCountAnalysis, flop_count
from .handles import Handle
from .table import flop_count_str, flop_count_table, parameter_count, parameter_count_table

__all__ = [
    "FlopCountAnalysis",
    "Handle",
    "flop_count",
    "flop_count_str",
    "flop_count_table",
    "parameter_count",
    "parameter_count_table",
]

"""``from hookcount.compat.mmengine import FlopAnalyzer`` replaces ``from mmengine.analysis ...``.

The modules have the names of those in ``mmengine.analysis``, so that replacing the prefix is
enough. mmengine itself is not needed. Its analyzers are copies of fvcore's, and so are these:
see ``hookcount.compat.fvcore``.

>>> import torch
>>> from torch import nn
>>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).eval()
>>> info = get_model_complexity_info(model, (3, 6, 6))
>>> info["flops"], info["flops_str"], info["activations"], info["params"]
(3712, '3.712K', 128, 240)
>>> FlopAnalyzer(model, torch.zeros(1, 3, 6, 6)).by_operator()
Counter({'conv': 3456, 'batch_norm': 256})

These are 8 * 4 * 4 outputs of 3 * 3 * 3 products, and 2 for each output in the norm.
"""

from .complexity_analysis import (
    ActivationAnalyzer,
    FlopAnalyzer,
    activation_count,
    flop_count,
    parameter_count,
    parameter_count_table,
)
from .print_helper import get_model_complexity_info

__all__ = [
    "ActivationAnalyzer",
    "FlopAnalyzer",
    "activation_count",
    "flop_count",
    "get_model_complexity_info",
    "parameter_count",
    "parameter_count_table",
]

"""``from hookcount.compat.fvcore import FlopCountAnalysis`` replaces ``from fvcore.nn import ...``.

The modules have the names of those in ``fvcore.nn``, so that replacing the prefix is enough:
``from hookcount.compat.fvcore.flop_count import flop_count``.

fvcore itself is not needed. It counts the ops of a jit trace, so it sees a composite op (linear,
layer norm, attention) as one op, and ``apply`` of an ``autograd.Function`` too. So does this
package.

>>> import torch
>>> from torch import nn
>>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).eval()
>>> flops = FlopCountAnalysis(model, torch.zeros(1, 3, 6, 6))
>>> flops.total()
3712
>>> flops.by_operator(), flops.by_module()["0"]
(Counter({'conv': 3456, 'batch_norm': 256}), 3456)

These are 8 * 4 * 4 outputs of 3 * 3 * 3 products, and 2 for each output in the norm.
"""

from .activation_count import ActivationCountAnalysis, activation_count
from .flop_count import FlopCountAnalysis, flop_count
from .jit_analysis import JitModelAnalysis
from .jit_handles import Handle, generic_activation_jit
from .parameter_count import parameter_count, parameter_count_table
from .print_model_statistics import flop_count_str, flop_count_table

__all__ = [
    "ActivationCountAnalysis",
    "FlopCountAnalysis",
    "Handle",
    "JitModelAnalysis",
    "activation_count",
    "flop_count",
    "flop_count_str",
    "flop_count_table",
    "generic_activation_jit",
    "parameter_count",
    "parameter_count_table",
]

"""``from hookcount.compat.ptflops import get_model_complexity_info`` replaces that of ``ptflops``.

ptflops itself is not needed.

>>> from torch import nn
>>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
>>> get_model_complexity_info(model, (3, 8, 8), as_strings=False, print_per_layer_stat=False)
(4320, 112)
>>> get_model_complexity_info(model, (3, 8, 8), print_per_layer_stat=False, backend="aten")
('4.03 KMac', '112')

The MACs are 4 * 36 outputs times 3 * 9 + 1. The default backend counts each ReLU twice: as a module
and as a function. That is 2 * 4 * 36 more. The parameters are 4 * 3 * 9 + 4.
"""

from .flops_counter import FLOPS_BACKEND, get_model_complexity_info
from .utils import flops_to_string, params_to_string

__all__ = ["FLOPS_BACKEND", "flops_to_string", "get_model_complexity_info", "params_to_string"]

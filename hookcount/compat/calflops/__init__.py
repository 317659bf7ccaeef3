"""``from hookcount.compat.calflops import calculate_flops`` replaces that of ``calflops``.

calflops itself is not needed.

>>> from torch import nn
>>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
>>> calculate_flops(model, (1, 3, 8, 8), print_results=False, output_as_string=False)
(8064, 3888, 112)
>>> calculate_flops(model, (1, 3, 8, 8), print_results=False)
('8.06 KFLOPS', '3.89 KMACs', '112')

The MACs are 4 * 36 outputs times 3 * 9. The FLOPs are two per MAC, and 144 each for the biases and
the ReLU.
"""

from .estimate import create_empty_model
from .flops_counter import calculate_flops
from .flops_counter_hf import calculate_flops_hf
from .utils import (
    bytes_to_string,
    flops_to_string,
    generate_transformer_input,
    macs_to_string,
    number_to_string,
    params_to_string,
)

__all__ = [
    "bytes_to_string",
    "calculate_flops",
    "calculate_flops_hf",
    "create_empty_model",
    "flops_to_string",
    "generate_transformer_input",
    "macs_to_string",
    "number_to_string",
    "params_to_string",
]

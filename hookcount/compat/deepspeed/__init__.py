"""``from hookcount.compat.deepspeed import get_model_profile`` replaces DeepSpeed's flops profiler.

DeepSpeed's own is in ``deepspeed.profiling.flops_profiler``. To replace this prefix is enough, also
for ``deepspeed.profiling.flops_profiler.profiler``. DeepSpeed itself is not needed.

>>> from torch import nn
>>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
>>> get_model_profile(model, (1, 3, 8, 8), print_profile=False, as_string=False)
(8064, 3888, 112)
>>> get_model_profile(model, (1, 3, 8, 8), print_profile=False)
('8.06 K', '3.89 KMACs', '112')

The MACs are 4 * 36 outputs times 3 * 9. The FLOPs are two per MAC, and 144 each for the biases and
the ReLU.
"""

from .profiler import (
    FlopsProfiler,
    bytes_to_string,
    duration_to_string,
    flops_to_string,
    get_model_profile,
    macs_to_string,
    number_to_string,
    params_to_string,
)

__all__ = [
    "FlopsProfiler",
    "bytes_to_string",
    "duration_to_string",
    "flops_to_string",
    "get_model_profile",
    "macs_to_string",
    "number_to_string",
    "params_to_string",
]

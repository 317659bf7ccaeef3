"""The function of torch that ran an op, by the name which the calling code used.

A jit trace shows ``torch.layer_norm`` as one node. A count sees the op ``native_layer_norm``, and
that the code called ``torch.layer_norm``.
"""

from __future__ import annotations

import builtins
from functools import cache

import torch

_PREFIXES = {"torch.linalg": "linalg_", "torch.special": "special_", "torch.fft": "fft_"}
ALIASES = {
    "multiply": "mul",
    "multiply_": "mul_",
    "divide": "div",
    "divide_": "div_",
    "true_divide": "div",
    "true_divide_": "div_",
    "subtract": "sub",
    "subtract_": "sub_",
    "linalg_matmul": "matmul",
    "special_expit": "sigmoid",
    "special_softmax": "softmax",
}
"""Other names of functions. A jit trace replaces them by the usual ones."""


@cache
def function_called(called: str) -> str:
    """The name of the op of torch that code called; empty if the code called no op by its name.

    >>> function_called("torch.nn.functional.linear"), function_called(".multiply")
    ('linear', 'mul')
    >>> function_called(""), function_called("mine.my_function")
    ('', '')
    """
    where, _, name = called.rpartition(".")
    if where and not where.startswith("torch") and hasattr(builtins, name):
        return ""  # Python's own function: sum(tensors) adds them
    name = _PREFIXES.get(where, "") + name
    name = ALIASES.get(name, name)
    return name if name and hasattr(torch.ops.aten, name) else ""

"""What layers cost in ultralytics-thop, by numbers. Hooks of one's own call these functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

import torch
from torch.nn.parameter import UninitializedParameter

from ....conventions.shared import tool_formulas
from ....conventions.ultralytics import ULTRALYTICS
from ...thop.vision.calc_func import l_prod

__all__ = [
    "calculate_conv2d_flops",
    "calculate_linear",
    "calculate_norm",
    "calculate_parameters",
    "calculate_softmax",
    "calculate_zero_ops",
    "l_prod",
]


def calculate_parameters(param_list: Iterable[torch.Tensor]) -> int:
    """The elements of all parameters, without those of lazy modules.

    >>> calculate_parameters(torch.nn.Linear(8, 4).parameters())
    36
    """
    return sum(each.numel() for each in param_list if not isinstance(each, UninitializedParameter))


def calculate_zero_ops() -> int:
    """Nothing."""
    return 0


def calculate_conv2d_flops(
    input_size: Sequence[int],
    output_size: Sequence[int],
    kernel_size: Sequence[int],
    groups: int,
    bias: bool = False,
    transpose: bool = False,
) -> int:
    """[N, Co, *O] = conv([N, Ci, *I], [Co, Ci/g, *K]): Ci/g * prod(K) per output, by shapes.

    With ``transpose`` it is Co/g * prod(K) per input element. A bias costs nothing, and the batch
    may be left out.

    >>> calculate_conv2d_flops([1, 4, 8, 8], [1, 6, 6, 6], [6, 2, 3, 3], groups=2)
    3888
    """
    each, channels = (input_size, output_size) if transpose else (output_size, input_size)
    axis = 1 - len(kernel_size)  # from the end, for a batch may be missing
    return prod(each) * (channels[axis] // groups) * prod(kernel_size[2:])


def calculate_norm(input_size: int) -> int:
    """2 per element."""
    return 2 * input_size


def calculate_softmax(batch_size: int, nfeatures: int) -> int:
    """3n - 1 per row of n."""
    return ULTRALYTICS.figure(tool_formulas.softmax(batch_size, nfeatures))


def calculate_linear(in_feature: float, num_elements: float) -> int:
    """k per output."""
    return int(in_feature * num_elements)

"""What layers cost in thop, by numbers. Hooks of one's own call these functions.

Where thop gives a tensor with one float64, so do these functions. ``input_size`` and
``output_size`` are shapes only in ``calculate_conv2d_flops``. Elsewhere they are numbers of
elements.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from math import prod
from typing import Any

import torch

from ....conventions.shared import tool_formulas
from ....conventions.thop import THOP, UPSAMPLING_COSTS


def l_prod(in_list: Iterable[Any]) -> Any:
    """The product of all items.

    >>> l_prod([2, 3, 4])
    24
    """
    return prod(in_list)


def l_sum(in_list: Iterable[Any]) -> Any:
    """The sum of all items."""
    return sum(in_list)


def _tensor(count: float) -> torch.Tensor:
    return torch.tensor([count], dtype=torch.float64)


def calculate_parameters(param_list: Iterable[torch.Tensor]) -> torch.Tensor | int:
    """The elements of all parameters. 0 without any.

    >>> calculate_parameters(torch.nn.Linear(8, 4).parameters())
    tensor([36.], dtype=torch.float64)
    """
    sizes = [each.nelement() for each in param_list]
    return _tensor(sum(sizes)) if sizes else 0


def calculate_zero_ops() -> torch.Tensor:
    """Nothing."""
    return _tensor(0)


def calculate_conv2d_flops(
    input_size: Sequence[int],
    output_size: Sequence[int],
    kernel_size: Sequence[int],
    groups: int,
    bias: bool = False,
) -> int:
    """[N, Co, *O] = conv([N, Ci, *I], [Co, Ci/g, *K]): Ci/g * prod(K) per output, by shapes.

    A bias costs nothing.

    >>> calculate_conv2d_flops([1, 4, 8, 8], [1, 6, 6, 6], [6, 2, 3, 3], groups=2)
    3888
    """
    return prod(output_size) * (input_size[1] // groups) * prod(kernel_size[2:])


def calculate_conv(
    bias: float, kernel_size: float, output_size: float, in_channel: float, group: float
) -> torch.Tensor:
    """Ci/g * K, and ``bias``, per output. All are numbers. The tool warns that this is old."""
    warnings.warn("This API is being deprecated.", stacklevel=2)
    return _tensor(output_size * (in_channel / group * kernel_size + bias))


def calculate_norm(input_size: float) -> torch.Tensor:
    """2 per element."""
    return _tensor(2 * input_size)


def calculate_relu_flops(input_size: object) -> int:
    """Nothing."""
    return 0


def calculate_relu(input_size: float) -> torch.Tensor:
    """1 per element. The tool warns that this is old."""
    warnings.warn("This API is being deprecated", stacklevel=2)
    return _tensor(int(input_size))


def calculate_softmax(batch_size: int, nfeatures: int) -> torch.Tensor:
    """3n - 1 per row of n."""
    return _tensor(THOP.figure(tool_formulas.softmax(batch_size, nfeatures)))


def calculate_avgpool(input_size: float) -> torch.Tensor:
    """1 per element."""
    return _tensor(int(input_size))


def calculate_adaptive_avg(kernel_size: float, output_size: float) -> torch.Tensor:
    """The elements of a window, and 1, per output."""
    return _tensor(int((kernel_size + 1) * output_size))


def calculate_upsample(mode: str, output_size: float) -> torch.Tensor:
    """1 per output, or 5, 11, 31 or 259 for linear, bilinear, trilinear or bicubic."""
    return _tensor(int({**UPSAMPLING_COSTS, "trilinear": 31}.get(mode, 1) * output_size))


def calculate_linear(in_feature: float, num_elements: float) -> torch.Tensor:
    """k per output."""
    return _tensor(int(in_feature * num_elements))

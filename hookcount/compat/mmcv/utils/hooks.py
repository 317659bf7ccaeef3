"""The hooks of mmcv's counter, and the classes that they are for.

A hook is called as ``hook(module, input, output)`` with the module, its arguments and its result.
It adds the figure of a call to ``module.__flops__``.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from ....conventions.mmcv import MMCV
from ....conventions.shared import ptflops_modules
from ...hook_table import Hooks
from ...hooks import hooks_of

_hook = hooks_of(MMCV, "__flops__")


def empty_flops_counter_hook(module: Any, input: Any, output: Any) -> None:
    """Nothing."""


conv_flops_counter_hook = _hook(nn.Conv2d)
deconv_flops_counter_hook = _hook(nn.ConvTranspose2d)
linear_flops_counter_hook = _hook(nn.Linear)
norm_flops_counter_hook = _hook(nn.BatchNorm2d)
pool_flops_counter_hook = _hook(nn.AvgPool2d)
relu_flops_counter_hook = _hook(nn.ReLU)
upsample_flops_counter_hook = _hook(nn.Upsample)


def get_modules_mapping() -> Hooks:
    """The hook for each class that mmcv lists, not for its subclasses, in a new dict.

    mmcv's own subclasses of torch's layers count too, without being here, because hookcount does
    not import mmcv.
    """
    return {
        **dict.fromkeys(ptflops_modules.CONVOLUTIONS, conv_flops_counter_hook),
        **dict.fromkeys(ptflops_modules.ACTIVATIONS, relu_flops_counter_hook),
        **dict.fromkeys(ptflops_modules.POOLS, pool_flops_counter_hook),
        **dict.fromkeys(ptflops_modules.NORMS, norm_flops_counter_hook),
        nn.ConvTranspose2d: deconv_flops_counter_hook,
        nn.Linear: linear_flops_counter_hook,
        nn.Upsample: upsample_flops_counter_hook,
    }

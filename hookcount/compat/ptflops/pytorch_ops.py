"""The hooks of ptflops' default backend, to give in ``custom_modules_hooks``.

A hook is called as ``hook(module, input, output)`` with the module, its arguments and its result.
It adds the MACs of a call to ``module.__flops__``.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from ...conventions.ptflops_pytorch import PTFLOPS_PYTORCH
from ..hooks import hooks_of

_hook = hooks_of(PTFLOPS_PYTORCH, "__flops__")


def empty_flops_counter_hook(module: Any, input: Any, output: Any) -> None:
    """Nothing."""


def conv_flops_counter_hook(
    conv_module: Any, input: Any, output: Any, *, transpose: bool = False
) -> None:
    """As ``nn.Conv2d``, or with ``transpose`` as ``nn.ConvTranspose2d``."""
    (_transposed if transpose else _convolution)(conv_module, input, output)


_convolution = _hook(nn.Conv2d)
_transposed = _hook(nn.ConvTranspose2d)
linear_flops_counter_hook = _hook(nn.Linear)
relu_flops_counter_hook = _hook(nn.ReLU)
pool_flops_counter_hook = _hook(nn.AvgPool2d)
bn_flops_counter_hook = _hook(nn.BatchNorm2d)
upsample_flops_counter_hook = _hook(nn.Upsample)
rnn_flops_counter_hook = _hook(nn.LSTM)
rnn_cell_flops_counter_hook = _hook(nn.LSTMCell)
multihead_attention_counter_hook = _hook(nn.MultiheadAttention)
deformable_conv_flops_counter_hook = _hook("torchvision.ops.deform_conv.DeformConv2d")
timm_attention_counter_hook = _hook("timm.layers.attention.Attention")

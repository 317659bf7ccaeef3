"""The hooks of ptflops' default backend, and the table of the classes that they are for.

A hook is called as ``hook(module, input, output)`` with the module, its arguments and its result.
It adds the MACs of a call to ``module.__flops__``. It is for ``custom_modules_hooks``, or for
``MODULES_MAPPING``.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

from ...conventions.ptflops_pytorch import PTFLOPS_PYTORCH
from ...conventions.shared import ptflops_modules
from ..hook_table import Hooks, HookTable
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

MODULES_MAPPING: Hooks = {
    **dict.fromkeys(ptflops_modules.CONVOLUTIONS, conv_flops_counter_hook),
    **dict.fromkeys((*ptflops_modules.ACTIVATIONS, nn.GELU), relu_flops_counter_hook),
    **dict.fromkeys(ptflops_modules.POOLS, pool_flops_counter_hook),
    **dict.fromkeys(ptflops_modules.NORMS, bn_flops_counter_hook),
    **dict.fromkeys(
        (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
        partial(conv_flops_counter_hook, transpose=True),
    ),
    **dict.fromkeys((nn.RNN, nn.GRU, nn.LSTM), rnn_flops_counter_hook),
    **dict.fromkeys((nn.RNNCell, nn.GRUCell, nn.LSTMCell), rnn_cell_flops_counter_hook),
    nn.Linear: linear_flops_counter_hook,
    nn.Upsample: upsample_flops_counter_hook,
    nn.MultiheadAttention: multihead_attention_counter_hook,
}
"""The hook for each class that ptflops lists, not for its subclasses.

Each count goes by what is here when it begins. So add the modules of your own, or change a hook.
``DeformConv2d`` of torchvision and ``Attention`` of timm have a hook without being here, because
hookcount imports neither. A hook that is put here for them is used.
"""

CUSTOM_MODULES_MAPPING: Hooks = {}
"""More hooks, for ``start_flops_count`` only. ``get_model_complexity_info`` takes them itself."""

MODULES = HookTable("MODULES_MAPPING", MODULES_MAPPING)
"""What was changed in ``MODULES_MAPPING``."""

"""``torch.utils.flop_counter.FlopCounterMode``: products, convolutions and attention, times 2.

The tool counts the ops that the dispatcher sees.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Size

from ..core.ops import NOTHING, Ops
from ..core.release import RELEASE
from ..formulas import arithmetic
from ..rules.convention import Convention
from ..rules.registry import Registry
from .shared.borrowed import (
    FUSED_ATTENTION_ON_CPU,
    FUSED_ATTENTION_ON_GPU,
    aten,
    contractions,
    rule_of,
)

ATTENTION_ON_CPU = RELEASE >= (2, 15)
"""Whether the installed tool has a formula for fused attention on a CPU."""

PRODUCTS = Registry(name="the formulas of FlopCounterMode", home=f"{__name__}:PRODUCTS")

contractions(
    PRODUCTS,
    (
        *aten("mm addmm bmm baddbmm _scaled_mm"),
        *aten("convolution _convolution cudnn_convolution _slow_conv2d_forward"),
        *FUSED_ATTENTION_ON_GPU,
        *(FUSED_ATTENTION_ON_CPU if ATTENTION_ON_CPU else ()),
        *aten("_flash_attention_forward _efficient_attention_forward"),
        *(f"{name}_backward" for name in FUSED_ATTENTION_ON_GPU),
        *(f"{name}_backward" for name in FUSED_ATTENTION_ON_CPU if ATTENTION_ON_CPU),
        *aten("_flash_attention_backward _efficient_attention_backward"),
        "higher_order::flex_attention",
    ),
)


@rule_of(PRODUCTS)("aten::convolution_backward")
def convolution_backward(
    grad_output: Size, input: Size, weight: Size, transposed: bool, output_mask: Sequence[bool]
) -> Ops:
    """dx, dW = gradients of a convolution, each only where ``output_mask`` is true.

    The tool counts dW as if the convolution had one group: groups times the true figure.
    """
    product = arithmetic.convolution(input, weight, grad_output, transposed=transposed)
    groups = (grad_output if transposed else input)[1] // weight[1]
    wants_input, wants_weight = output_mask[:2]
    return (product if wants_input else NOTHING) + (product * groups if wants_weight else NOTHING)


TORCH = Convention(
    "torch",
    unit="FLOPs",
    weights={"macs": 2},
    formulas=PRODUCTS,
    sees="listed",
    mirrors="torch.utils.flop_counter.FlopCounterMode of torch 2.15",
    exact=True,
    backward=True,
    differs=(
        "work that ran as one op is not seen: an LSTM, and multi-head attention and an encoder "
        "layer in eval mode without gradients",
        "attention that ran as one op on a CPU: the tool sees it since torch 2.15, as does "
        "hookcount on that torch",
    ),
)

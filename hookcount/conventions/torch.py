"""``torch.utils.flop_counter.FlopCounterMode``: products, convolutions and attention, times 2.

The tool counts the ops that the dispatcher sees.
"""

from __future__ import annotations

from ..core.release import RELEASE
from ..rules.convention import Convention
from ..rules.registry import Registry
from .shared.borrowed import FUSED_ATTENTION_ON_CPU, FUSED_ATTENTION_ON_GPU, aten, contractions

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
        "higher_order::flex_attention",
    ),
)

TORCH = Convention(
    "torch",
    unit="FLOPs",
    weights={"macs": 2},
    formulas=PRODUCTS,
    sees="listed",
    mirrors="torch.utils.flop_counter.FlopCounterMode of torch 2.15",
    exact=True,
    differs=(
        "work that ran as one op is not seen: an LSTM, and multi-head attention and an encoder "
        "layer in eval mode without gradients",
        "products in place (addmm_): hookcount sees them, the tool does not",
        "attention that ran as one op on a CPU: the tool sees it since torch 2.15, as does "
        "hookcount on that torch",
    ),
)

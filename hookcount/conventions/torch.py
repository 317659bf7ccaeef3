"""``torch.utils.flop_counter.FlopCounterMode``: products, convolutions and attention as the dispatcher sees them, times 2."""

from __future__ import annotations

import torch

from ..rules.convention import Convention
from ..rules.registry import Registry
from .shared.borrowed import contractions

ATTENTION_ON_CPU = tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 15)
"""Before, the tool had no formula for it."""

PRODUCTS = Registry(name="the formulas of FlopCounterMode")

contractions(
    PRODUCTS,
    (
        *(f"aten::{name}" for name in ("mm", "addmm", "bmm", "baddbmm", "_scaled_mm")),
        *(
            f"aten::{name}"
            for name in ("convolution", "_convolution", "cudnn_convolution", "_slow_conv2d_forward")
        ),
        *(
            f"aten::_scaled_dot_product_{name}_attention"
            for name in ("efficient", "flash", "cudnn")
        ),
        *(("aten::_scaled_dot_product_flash_attention_for_cpu",) if ATTENTION_ON_CPU else ()),
        "aten::_flash_attention_forward",
        "aten::_efficient_attention_forward",
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
        "an op that the run took as one is not seen: the fused attention and encoder layer of a real run in eval mode, an LSTM; "
        "a shapes-only run may take it in parts",
        "products in place (addmm_) are seen here",
        "attention that ran as one op on a CPU: the tool sees it since torch 2.15, and so does this, on that torch",
    ),
)

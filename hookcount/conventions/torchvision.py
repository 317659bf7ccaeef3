"""``meta["_ops"]`` of torchvision's weights: matrix products and convolutions, in units of 10^9 there.

Those figures were made when attention ran as its two matrix products, so an attention that ran as one op counts as them.
"""

from __future__ import annotations

from ..rules.convention import Convention
from ..rules.registry import Registry
from .shared.borrowed import contractions

_PRODUCTS = Registry(name="the formulas of torchvision's _ops")

contractions(
    _PRODUCTS,
    (
        *(f"aten::{name}" for name in ("mm", "addmm", "bmm", "convolution", "_convolution")),
        *(
            f"aten::_scaled_dot_product_{name}_attention"
            for name in ("efficient", "flash", "cudnn")
        ),
        "aten::_scaled_dot_product_flash_attention_for_cpu",
        "aten::_native_multi_head_attention",
        "aten::_transformer_encoder_layer_fwd",
    ),
)

TORCHVISION = Convention(
    "torchvision",
    formulas=_PRODUCTS,
    sees="listed",
    mirrors="_ops of the weights of torchvision 0.29.2, before their division by 10^9 and rounding to 3 decimals",
    exact=True,
    differs=(
        "attention that ran as one op: the recipe, run on a CPU today, leaves it out; the published figures have it",
    ),
)

"""``meta["_ops"]`` of torchvision's weights: matrix products and convolutions.

torchvision gives these figures in units of 10^9. They were made when attention ran as two matrix
products, so fused attention counts as these two products here.
"""

from __future__ import annotations

from ..rules.convention import Convention
from ..rules.registry import Registry
from .shared.borrowed import FUSED_ATTENTION, aten, contractions

_PRODUCTS = Registry(name="the formulas of torchvision's _ops", home=f"{__name__}:_PRODUCTS")

contractions(
    _PRODUCTS,
    (
        *aten("mm addmm bmm convolution _convolution"),
        *aten("_native_multi_head_attention _transformer_encoder_layer_fwd"),
        *FUSED_ATTENTION,
    ),
)

TORCHVISION = Convention(
    "torchvision",
    formulas=_PRODUCTS,
    sees="listed",
    mirrors="_ops of the weights of torchvision 0.29.2, "
    "before their division by 10^9 and rounding to 3 decimals",
    exact=True,
    differs=(
        "attention that ran as one op: the recipe, run on a CPU today, leaves it out; "
        "the published figures have it",
    ),
)

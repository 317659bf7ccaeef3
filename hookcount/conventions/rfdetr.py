"""RF-DETR's convention: a product is one per multiply-add, to which batch norms, softmax and every element-wise op are added."""

from __future__ import annotations

from math import prod

from torch import Size

from ..core.ops import Ops
from ..rules.convention import Convention
from ..rules.registry import Registry
from .shared.borrowed import EVERY_KIND, contractions, rule_of

FORMULAS = Registry(name="the formulas of RF-DETR's figures")
_rule = rule_of(FORMULAS)

contractions(
    FORMULAS,
    (
        *(
            f"aten::{name}"
            for name in ("mm", "addmm", "bmm", "baddbmm", "convolution", "_convolution")
        ),
        *(
            f"aten::_scaled_dot_product_{name}_attention"
            for name in ("efficient", "flash", "cudnn")
        ),
        "aten::_scaled_dot_product_flash_attention_for_cpu",
        "aten::_native_multi_head_attention",
    ),
)


@_rule("aten::native_batch_norm", "aten::_native_batch_norm_legit_no_training")
def batch_norm(input: Size) -> Ops:
    """4 per input element."""
    return Ops(muls=4 * prod(input))


@_rule("aten::_softmax", "aten::_safe_softmax")
def softmax(self: Size) -> Ops:
    """5 per element."""
    return Ops(specials=5 * prod(self))


_ELEMENTWISE = """
    abs add ceil clamp clamp_max clamp_min cos div elu erf exp floor gelu hardsigmoid hardswish hardtanh leaky_relu log log2
    maximum minimum mish mul neg pow reciprocal relu relu6 round rsqrt rsub sigmoid silu sin softplus sqrt sub tanh threshold"""


@_rule(*(f"aten::{name}" for name in _ELEMENTWISE.split()))
def elementwise(out: Size) -> Ops:
    """1 per output element."""
    return Ops(adds=prod(out))


RFDETR = Convention(
    "rfdetr",
    weights=EVERY_KIND,
    formulas=FORMULAS,
    sees="listed",
    mirrors="the convention that RF-DETR states",
    differs=("attention that ran as one op counts as its products alone, without softmax",),
)

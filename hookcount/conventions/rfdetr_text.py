"""What RF-DETR states of its figures: MACs, plus batch norms, softmax and element-wise ops.

A multiply-add counts as one, as does an element-wise op of one output element. RF-DETR's tool
counts otherwise: see ``rfdetr.py``.
"""

from __future__ import annotations

from math import prod

from torch import Size

from ..core.ops import Ops
from ..rules.convention import Convention
from ..rules.registry import Registry
from .shared.borrowed import EVERY_KIND, FUSED_ATTENTION, aten, contractions, rule_of

FORMULAS = Registry(name="the formulas that RF-DETR states", home=f"{__name__}:FORMULAS")
_rule = rule_of(FORMULAS)

contractions(
    FORMULAS,
    (
        *aten("mm addmm bmm baddbmm convolution _convolution _native_multi_head_attention"),
        *FUSED_ATTENTION,
    ),
)


@_rule("aten::native_batch_norm", "aten::_native_batch_norm_legit_no_training")
def batch_norm(input: Size) -> Ops:
    """[N, C, *] = batch norm([N, C, *]): 4 per input element."""
    return Ops(muls=4 * prod(input))


@_rule("aten::_softmax", "aten::_safe_softmax")
def softmax(self: Size) -> Ops:
    """[*] = softmax([*]): 5 per element."""
    return Ops(specials=5 * prod(self))


@_rule(
    *aten("abs add ceil clamp clamp_max clamp_min cos div elu erf exp floor gelu hardsigmoid"),
    *aten("hardswish hardtanh leaky_relu log log2 maximum minimum mish mul neg pow reciprocal"),
    *aten("relu relu6 round rsqrt rsub sigmoid silu sin softplus sqrt sub tanh threshold"),
)
def elementwise(out: Size) -> Ops:
    """[*] = op([*], ...): 1 per output element."""
    return Ops(adds=prod(out))


RFDETR_TEXT = Convention(
    "rfdetr-text",
    weights=EVERY_KIND,
    formulas=FORMULAS,
    sees="listed",
    mirrors="the convention that RF-DETR states",
    differs=(
        "attention that ran as one op: hookcount counts its products only, without the softmax",
    ),
)

"""``fvcore.nn.FlopCountAnalysis``: its "flops" are MACs, to which it adds norms, adaptive pools and upsampling.

It reads the graph of a jit trace, which keeps linear, layer norm, pools and attention whole; the figures here are of the ops that
these run as.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from torch import Size, nn

from ..core.ops import NOTHING, Ops
from ..rules.convention import Convention
from ..rules.registry import FREE, Registry
from .shared import tool_formulas as cells
from .shared.borrowed import EVERY_KIND, contractions

FORMULAS = Registry(name="the formulas of fvcore")

contractions(
    FORMULAS,
    (
        nn.Linear,
        *(f"aten::{name}" for name in ("mm", "addmm", "bmm", "convolution", "_convolution")),
    ),
)


for _convolution in (nn.Conv1d, nn.Conv2d, nn.Conv3d):
    FORMULAS.register(_convolution, cells.traced_convolution)


def _norm(elements: int, affine: bool) -> Ops:
    """4 per element, 5 with a weight."""
    return Ops(muls=(4 + affine) * elements)


@FORMULAS.register("aten::native_batch_norm")
def batch_norm(input: Size, weight: Any, training: bool) -> Ops:
    """In eval 1 per element, 2 with a weight; by the batch's statistics as any norm."""
    if training:
        return _norm(prod(input), weight is not None)
    return Ops(muls=prod(input) * (1 + (weight is not None)))


@FORMULAS.register("aten::native_layer_norm")
def layer_norm(input: Size, weight: Any) -> Ops:
    """As any norm."""
    return _norm(prod(input), weight is not None)


@FORMULAS.register("aten::native_group_norm")
def group_norm(input: Size, weight: Any) -> Ops:
    """As any norm."""
    return _norm(prod(input), weight is not None)


@FORMULAS.register("aten::_adaptive_avg_pool2d")
def adaptive_avg_pool(self: Size) -> Ops:
    """1 per input element."""
    return Ops(adds=prod(self))


@FORMULAS.register("aten::mean.dim")
def pooled_to_one(self: Size, dim: Sequence[int] | None, keepdim: bool = False) -> Ops:
    """1 per input element where it is what torch runs an adaptive pool to one position as; a mean is not seen."""
    return (
        Ops(adds=prod(self)) if keepdim and dim is not None and list(dim) == [-1, -2] else NOTHING
    )


@FORMULAS.register("aten::upsample_nearest2d")
def upsample_nearest(out: Size) -> Ops:
    """1 per output element."""
    return Ops(muls=prod(out))


@FORMULAS.register("aten::upsample_bilinear2d")
@FORMULAS.register("aten::grid_sampler_2d")
@FORMULAS.register("aten::grid_sampler_3d")
def interpolated(out: Size) -> Ops:
    """4 per output element."""
    return Ops(muls=4 * prod(out))


@FORMULAS.register("aten::_transformer_encoder_layer_fwd")
def encoder_layer(src: Size, ffn_weight_1: Size) -> Ops:
    """Under the tool's hooks the layer does not run as one op: its two linears and two norms; its attention is not seen."""
    linears, normed = cells.encoder_layer(src, wide=ffn_weight_1[0])
    return linears + _norm(normed, True)


for _kept_whole in (nn.RNN, nn.GRU, nn.LSTM):  # by a jit trace, and then it has no formula for them
    FORMULAS.register(_kept_whole, FREE)

FVCORE = Convention(
    "fvcore",
    weights=EVERY_KIND,
    formulas=FORMULAS,
    sees="listed",
    unseen=frozenset({"torch.nn.functional.scaled_dot_product_attention"}),
    mirrors="fvcore 0.1.5",
    exact=True,
    differs=(
        "F.scaled_dot_product_attention that the code calls by a variable of its own: in parts, its products are seen here",
        "einsum: the tool prints the products with four digits (maxvit_t, mvit_v2_s); here they are exact",
        "a functional convolution with padding='same': the tool does not know it; here it counts",
        "a product whose left operand is repeated for the right one's batch: the tool counts it once, not per repetition",
        "a mean over the last two axes that keeps them counts as an adaptive pool",
    ),
)

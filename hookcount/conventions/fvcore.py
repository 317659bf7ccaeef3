"""``fvcore.nn.FlopCountAnalysis``: its "flops" are MACs, plus norms, adaptive pools and upsampling.

The tool reads the graph of a jit trace, which keeps linear, layer norm, pools and attention whole.
The formulas here are for the ops as which these run.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Size, nn

from ..core.ops import NOTHING, Ops
from ..rules.convention import Convention
from ..rules.registry import FREE, Registry
from .shared import tool_formulas
from .shared.borrowed import EVERY_KIND, aten, contractions

FORMULAS = Registry(name="the formulas of fvcore", home=f"{__name__}:FORMULAS")

contractions(FORMULAS, (nn.Linear, *aten("mm addmm bmm convolution _convolution")))

for _convolution in (nn.Conv1d, nn.Conv2d, nn.Conv3d):
    FORMULAS.register(_convolution, tool_formulas.traced_convolution)


def _norm(elements: int, affine: bool) -> Ops:
    """4 per element, 5 with a weight."""
    return Ops(muls=(4 + affine) * elements)


@FORMULAS.register("aten::native_batch_norm")
def batch_norm(input: Size, weight: Size | None, training: bool) -> Ops:
    """[N, C, *] = batch norm([N, C, *]): in eval mode 1 per element, 2 with a weight.

    With the statistics of the batch it costs as much as any other norm.
    """
    if training:
        return _norm(prod(input), weight is not None)
    return Ops(muls=prod(input) * (1 + (weight is not None)))


@FORMULAS.register("aten::native_layer_norm")
@FORMULAS.register("aten::native_group_norm")
def norm(input: Size, weight: Size | None) -> Ops:
    """[*] = norm([*]): 4 per element, 5 with a weight."""
    return _norm(prod(input), weight is not None)


@FORMULAS.register("aten::_adaptive_avg_pool2d")
def adaptive_avg_pool(self: Size) -> Ops:
    """[N, C, *O] = adaptive average pool([N, C, *I]): 1 per input element."""
    return Ops(adds=prod(self))


@FORMULAS.register("aten::mean.dim")
def pooled_to_one(self: Size, dim: Sequence[int] | None, keepdim: bool = False) -> Ops:
    """[*, 1, 1] = mean([*, h, w]): 1 per input element.

    Torch runs an adaptive pool to one position as this op. The tool does not see any other mean.
    """
    return (
        Ops(adds=prod(self)) if keepdim and dim is not None and list(dim) == [-1, -2] else NOTHING
    )


@FORMULAS.register("aten::upsample_nearest2d")
def upsample_nearest(out: Size) -> Ops:
    """[N, C, *O] = upsample([N, C, *I]): 1 per output element."""
    return Ops(muls=prod(out))


@FORMULAS.register("aten::upsample_bilinear2d")
@FORMULAS.register("aten::grid_sampler_2d")
@FORMULAS.register("aten::grid_sampler_3d")
def interpolated(out: Size) -> Ops:
    """[N, C, *O] = interpolate([N, C, *I]): 4 per output element."""
    return Ops(muls=4 * prod(out))


@FORMULAS.register("aten::_transformer_encoder_layer_fwd")
def encoder_layer(src: Size, ffn_weight_1: Size) -> Ops:
    """[*, d] = encoder layer([*, d], [h, d]): two linear layers and two norms.

    Under the tool's hooks the layer does not run as one op. The tool does not see its attention.
    """
    linears, normed = tool_formulas.encoder_layer(src, wide=ffn_weight_1[0])
    return linears + _norm(normed, True)


# A jit trace keeps these whole, and the tool has no formula for them.
for _kept_whole in (nn.RNN, nn.GRU, nn.LSTM):
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
        "F.scaled_dot_product_attention that the code calls by a variable of its own and that runs "
        "in parts: hookcount sees its products",
        "einsum: the tool prints the products with four digits (maxvit_t, mvit_v2_s); hookcount "
        "counts them exactly",
        "a functional convolution with padding='same': the tool does not price it, hookcount does",
        "a product that repeats its left operand for the right one's batch: the tool counts it "
        "once, not once per repetition",
        "an autograd.Function or a scripted function: the tool does not see the ops in it, and "
        "neither does its door in hookcount.compat",
        "a mean over the last two axes that keeps them: hookcount counts it as an adaptive pool",
    ),
)

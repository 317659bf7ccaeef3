"""Arithmetic on sizes, which the graph of a jit trace has like any other: ``batch * heads`` is a product of two scalars there.

The interpreter does it outside of torch, so that no op shows it. Here are the layers of torch and torchvision that do it, by what
their ``forward`` computes: 1 per product, on top of what its ops cost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Size, nn

from ...core.ops import NOTHING, Ops
from ...rules.registry import Registry
from .borrowed import Shapes, changed

FORMULAS = Registry(name="products of sizes in a jit trace")

_VISION = "torchvision.models."


def _within(*targets: Any) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Register a number of products for several modules."""

    def put(products: Callable[..., int]) -> Callable[..., int]:
        for each in targets:
            FORMULAS.register(each, changed(products, _muls), covers="nothing")
        return products

    return put


def _muls(products: int, out: Shapes) -> Ops:
    return Ops(muls=products)


@_within(nn.MultiheadAttention)
def multihead_attention(
    module: Any, query: Size, key: Size, value: Size, key_padding_mask: Any = None
) -> int:
    """Batch times heads for each of q, k and v, and for a padding mask and the zeros of ``add_zero_attn``; batch times length for
    the output. None where the module, batched self-attention in eval mode, may run as one op.
    """
    apart = (
        len(query) != 3
        or not query == key == value
        or module.in_proj_weight is None
        or module.in_proj_bias is None
    )
    odd = (
        module.num_heads % 2
        or not module.batch_first
        or module.bias_k is not None
        or module.add_zero_attn
    )
    if not (apart or odd or module.training):
        return 0
    return 4 + (key_padding_mask is not None) + bool(module.add_zero_attn)


@FORMULAS.register("aten::split_with_sizes")
def packed_projections(self: Size, split_sizes: Sequence[int]) -> Ops:
    """Twice the width, where multi-head attention splits its weight or bias for the query, and for key and value together."""
    width = self[0] // 3
    packed = tuple(self) in ((3 * width, width), (3 * width,)) and tuple(split_sizes) == (
        width,
        2 * width,
    )
    return Ops(muls=1) if packed else NOTHING


@_within(_VISION + "maxvit.WindowPartition", _VISION + "vision_transformer.VisionTransformer")
def patches() -> int:
    """Patches down times across."""
    return 1


@_within(
    _VISION + "swin_transformer.ShiftedWindowAttention",
    _VISION + "swin_transformer.ShiftedWindowAttentionV2",
)
def shifted_windows(module: Any) -> int:
    """Windows down times across, and those times the batch; in the second version also twice the length of the query's bias."""
    return 2 + (hasattr(module, "logit_scale") and module.qkv.bias is not None)


@_within(_VISION + "video.swin_transformer.ShiftedWindowAttention3d")
def shifted_windows_3d(module: Any, x: Size) -> int:
    """Windows in three directions, and those times the batch; a window's volume, for the bias and for the windows, where a side
    of the window is cut to the input's; both again for the mask where the windows are shifted.
    """
    cut = [size <= side for size, side in zip(x[1:4], module.window_size, strict=True)]
    volume = int(any(cut[:2])) + int(any(cut))
    shifted = any(shift for shift, whole in zip(module.shift_size, cut, strict=True) if not whole)
    return 3 + 2 * volume + (2 + volume if shifted else 0)


@_within(_VISION + "video.mvit.Pool")
def pool() -> int:
    """Batch times heads."""
    return 1


@_within(_VISION + "video.mvit.MultiscaleAttention")
def multiscale_attention(module: Any) -> int:
    """With relative positions: batch, heads, height and width of the queries; the volumes of queries and keys."""
    return 3 + 2 + 2 if module.rel_pos_h is not None else 0


@_within(_VISION + "detection.transform.GeneralizedRCNNTransform")
def images(module: Any, images: Sequence[Size]) -> int:
    """The batch's two sides, rounded up to a multiple; per image the two scales that may fit it, and its two sides times one."""
    return 2 + (4 * len(images) if module.fixed_size is None else 0)


@_within(_VISION + "detection.anchor_utils.DefaultBoxGenerator")
def default_boxes(*, feature_maps: Sequence[Size]) -> int:
    """Positions of each level."""
    return len(feature_maps)


@_within(_VISION + "detection.fcos.FCOS")
def fcos(module: Any) -> int:
    """Positions of each level."""
    return len(module.anchor_generator.sizes)


@_within(_VISION + "detection.retinanet.RetinaNet")
def retinanet(module: Any) -> int:
    """Positions of each level, and those times the anchors."""
    return 2 * len(module.anchor_generator.sizes)

"""Products of sizes: the graph of a jit trace has them as ops (``batch * heads``).

The interpreter computes these products outside of torch, so no op shows them. The formulas here
are for the layers of torch and torchvision whose ``forward`` does that. Each product costs 1, on
top of the layer's ops.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from torch import Size, nn

from ...core.ops import NOTHING, Ops
from ...rules.registry import Registry, Target
from .borrowed import changed

FORMULAS = Registry(name="products of sizes in a jit trace", home=f"{__name__}:FORMULAS")

_VISION = "torchvision.models."


class _WindowAttention(Protocol):
    qkv: nn.Linear


class _WindowAttention3d(Protocol):
    window_size: Sequence[int]
    shift_size: Sequence[int]


class _MultiscaleAttention(Protocol):
    rel_pos_h: object


class _ImageTransform(Protocol):
    fixed_size: object


class _Anchors(Protocol):
    sizes: Sequence[object]


class _Detector(Protocol):
    anchor_generator: _Anchors


def _within(*targets: Target) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Register a number of products for several modules."""

    def put(products: Callable[..., int]) -> Callable[..., int]:
        for each in targets:
            FORMULAS.register(each, changed(products, _muls), covers="nothing")
        return products

    return put


def _muls(products: int, out: object) -> Ops:
    return Ops(muls=products)


@_within(nn.MultiheadAttention)
def multihead_attention(
    module: nn.MultiheadAttention,
    query: Size,
    key: Size,
    value: Size,
    key_padding_mask: Size | None = None,
) -> int:
    """Batch times heads for each of q, k and v, and batch times length for the output.

    A padding mask and the zeros of ``add_zero_attn`` add batch times heads each. Batched
    self-attention in eval mode may run as one op, and then has no products of sizes.
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
    """[w, *], [2 w, *] = split([3 w, *]): 1, where multi-head attention splits a weight or a bias.

    One part is for the query, the other for key and value together. The product is twice w.
    """
    width = self[0] // 3
    packed = tuple(self) in ((3 * width, width), (3 * width,)) and tuple(split_sizes) == (
        width,
        2 * width,
    )
    return Ops(muls=1) if packed else NOTHING


@_within(_VISION + "maxvit.WindowPartition", _VISION + "vision_transformer.VisionTransformer")
def patches() -> int:
    """The number of patches down times the number across."""
    return 1


@_within(
    _VISION + "swin_transformer.ShiftedWindowAttention",
    _VISION + "swin_transformer.ShiftedWindowAttentionV2",
)
def shifted_windows(module: _WindowAttention) -> int:
    """Windows down times windows across, and their product times the batch.

    The second version also doubles the length of the query's bias.
    """
    return 2 + (hasattr(module, "logit_scale") and module.qkv.bias is not None)


@_within(_VISION + "video.swin_transformer.ShiftedWindowAttention3d")
def shifted_windows_3d(module: _WindowAttention3d, x: Size) -> int:
    """The windows in three directions, and their product times the batch: 3 products.

    The volume of a window is needed for the bias and for the windows, where a side of the window
    is cut to the input's. Shifted windows need both products again for their mask.
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
def multiscale_attention(module: _MultiscaleAttention) -> int:
    """With relative positions: batch, heads, height and width of the queries; two volumes.

    The volumes are those of the queries and of the keys.
    """
    return 3 + 2 + 2 if module.rel_pos_h is not None else 0


@_within(_VISION + "detection.transform.GeneralizedRCNNTransform")
def images(module: _ImageTransform, images: Sequence[Size]) -> int:
    """The two sides of the batch, rounded up to a multiple, and 4 products per image.

    Those of an image are the two scales that may fit it, and its two sides times one. An image of
    a fixed size has none.
    """
    return 2 + (4 * len(images) if module.fixed_size is None else 0)


@_within(_VISION + "detection.anchor_utils.DefaultBoxGenerator")
def default_boxes(*, feature_maps: Sequence[Size]) -> int:
    """The number of positions of each level."""
    return len(feature_maps)


@_within(_VISION + "detection.fcos.FCOS")
def fcos(module: _Detector) -> int:
    """The number of positions of each level."""
    return len(module.anchor_generator.sizes)


@_within(_VISION + "detection.retinanet.RetinaNet")
def retinanet(module: _Detector) -> int:
    """The number of positions of each level, and that number times the anchors."""
    return 2 * len(module.anchor_generator.sizes)

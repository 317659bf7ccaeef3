"""Multi-scale deformable attention: the modules that call its kernel, by name.

The kernel is called outside of torch's dispatcher. A formula pays for the work of the module's
own forward, whether the kernel does it or Python code on which some modules fall back. The
linear layers that the forward calls pay for themselves.

The arithmetic is that of Zhu et al., Deformable DETR, arXiv:2010.04159, equations 2 and 3. There
are b images, q queries, h heads, l levels, p points and d channels over all heads.
"""

from __future__ import annotations

from math import prod
from typing import Protocol

from torch import Size, nn

from ...core.ops import Ops
from ..arithmetic import softmax
from ..builtin import formula
from ..resampling import weighted_taps


class DeformableAttention(Protocol):
    """The attributes of Deformable DETR's module that its formula reads."""

    n_heads: int
    n_levels: int
    n_points: int
    value_proj: nn.Linear


class MultiScaleAttention(Protocol):
    """The attributes of mmcv's module, and of its descendants, that their formulas read."""

    num_heads: int
    num_levels: int
    num_points: int
    value_proj: nn.Linear
    batch_first: bool


def deformable_attention(
    batch: int, queries: int, heads: int, levels: int, points: int, width: int, *, boxes: bool
) -> Ops:
    """[b, q, d] = sum over l p of softmax(weights) * value at reference + offset, per head.

    A head has d / h channels. With ``boxes`` the references are boxes, otherwise points.

    - The weights: a softmax over l p per query and head.
    - Each coordinate of an offset, to a point: a division by the level's size, and an add.
    - To a box: a division by p, muls by the box's size and by a half, and an add.
    - Each coordinate, to pixels of the level: a mul and an add.
    - The samples: 4 bilinear taps per point and channel.
    - The weighted sum: l p taps per query and channel.

    Nothing here is a contraction, as each query has samples of its own.
    """
    places = batch * queries * heads * levels * points
    aim = Ops(adds=1, muls=2 if boxes else 0, specials=1) + Ops(adds=1, muls=1)
    sampled = weighted_taps(places * (width // heads), 4) + weighted_taps(
        batch * queries * width, levels * points
    )
    return softmax(batch * queries * heads, levels * points) + aim * (2 * places) + sampled


@formula("models.ops.modules.ms_deform_attn.MSDeformAttn", kind="sampling")
@formula("models.dino.ops.modules.ms_deform_attn.MSDeformAttn", kind="sampling")
@formula("ops.modules.ms_deform_attn.MSDeformAttn", kind="sampling")
@formula("ops.modules.MSDeformAttn", kind="sampling")
@formula(
    "mask2former.modeling.pixel_decoder.ops.modules.ms_deform_attn.MSDeformAttn", kind="sampling"
)
@formula("maskdino.modeling.pixel_decoder.ops.modules.ms_deform_attn.MSDeformAttn", kind="sampling")
@formula(
    "oneformer.modeling.pixel_decoder.ops.modules.ms_deform_attn.MSDeformAttn", kind="sampling"
)
def ms_deform_attn(module: DeformableAttention, query: Size, reference_points: Size) -> Ops:
    """[b, q, d] = attend([b, q, d], [b, q, l, 2 or 4], [b, s, d], ...).

    See ``deformable_attention``. The padding mask is free. This is Deformable DETR's own class
    (``models/ops/modules/ms_deform_attn.py``), under the paths where its descendants keep it.
    """
    sizes = (
        query[0],
        query[1],
        module.n_heads,
        module.n_levels,
        module.n_points,
        module.value_proj.out_features,
    )
    return deformable_attention(*sizes, boxes=reference_points[-1] == 4)


def _of_queries(
    module: MultiScaleAttention,
    query: Size,
    reference_points: Size,
    query_pos: Size | None,
    *,
    added: bool,
) -> Ops:
    """The form of mmcv: code may add an embedding to the queries, and the input to the output."""
    batch, queries = (query[0], query[1]) if module.batch_first else (query[1], query[0])
    sizes = (
        batch,
        queries,
        module.num_heads,
        module.num_levels,
        module.num_points,
        module.value_proj.out_features,
    )
    adds = (query_pos is not None) + added
    return deformable_attention(*sizes, boxes=reference_points[-1] == 4) + Ops(
        adds=adds * prod(query)
    )


@formula("mmcv.ops.multi_scale_deform_attn.MultiScaleDeformableAttention", kind="sampling")
@formula("detrex.layers.multi_scale_deform_attn.MultiScaleDeformableAttention", kind="sampling")
def with_identity(
    module: MultiScaleAttention,
    query: Size,
    *,
    query_pos: Size | None = None,
    reference_points: Size,
) -> Ops:
    """[q, b, d] = query + attend(query + pos, ...), batch first if the module says so.

    See ``deformable_attention``. This is mmcv's class (``mmcv/ops/multi_scale_deform_attn.py``)
    and that of detrex. The dropout in between is a module of its own.
    """
    return _of_queries(module, query, reference_points, query_pos, added=True)


@formula(
    "groundingdino.models.GroundingDINO.ms_deform_attn.MultiScaleDeformableAttention",
    kind="sampling",
)
def without_identity(
    module: MultiScaleAttention,
    query: Size,
    *,
    query_pos: Size | None = None,
    reference_points: Size,
) -> Ops:
    """[q, b, d] = attend(query + pos, ...), batch first if the module says so.

    See ``deformable_attention``.
    """
    return _of_queries(module, query, reference_points, query_pos, added=False)

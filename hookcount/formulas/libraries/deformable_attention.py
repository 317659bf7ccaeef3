"""Multi-scale deformable attention, whose kernel is called from outside of torch's dispatcher: the modules that call it, by name.

A formula pays for what the module's forward does itself, whether its kernel does it or the written-out form that some fall
back on; the linear layers that it calls pay for themselves. The arithmetic is that of Zhu et al., Deformable DETR,
arXiv:2010.04159, equations 2 and 3: b images, q queries, h heads, l levels, p points, d channels in all.
"""

from __future__ import annotations

from math import prod
from typing import Any

from torch import Size

from ...core.ops import Ops
from ..arithmetic import softmax
from ..builtin import formula
from ..resampling import weighted_taps


def deformable_attention(
    batch: int, queries: int, heads: int, levels: int, points: int, width: int, *, boxes: bool
) -> Ops:
    """[b, q, d] = sum over l p of softmax(weights) * value sampled at reference + offset, per head of d / h channels.

    A softmax over l p per query and head. Where to sample: per coordinate of an offset a division by the level's size and an
    add to the reference point; of a reference box a division by p, muls by the box's size and by a half, and an add. To pixels
    of the level: a mul and an add. A bilinear sample, 4 taps, per point and channel; their weighted sum, l p taps. Nothing in it
    is a contraction: each query has samples of its own.
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
def ms_deform_attn(module: Any, query: Size, reference_points: Size) -> Ops:
    """[b, q, d] = attend([b, q, d], [b, q, l, 2 or 4], [b, s, d], ...): see ``deformable_attention``. The padding mask is free.

    Deformable DETR's own class (``models/ops/modules/ms_deform_attn.py``), under the paths where its descendants keep it.
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
    module: Any, query: Size, reference_points: Any, query_pos: Any, *, added: bool
) -> Ops:
    """The form of the mm family: an embedding may be added to the queries, and the input to the output."""
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
    module: Any, query: Size, *, query_pos: Any = None, reference_points: Any = None
) -> Ops:
    """[q, b, d] = query + attend(query + pos, ...), batch first if the module says so: see ``deformable_attention``.

    mmcv's class (``mmcv/ops/multi_scale_deform_attn.py``) and detrex's; the dropout between is a module of its own.
    """
    return _of_queries(module, query, reference_points, query_pos, added=True)


@formula(
    "groundingdino.models.GroundingDINO.ms_deform_attn.MultiScaleDeformableAttention",
    kind="sampling",
)
def without_identity(
    module: Any, query: Size, *, query_pos: Any = None, reference_points: Any = None
) -> Ops:
    """[q, b, d] = attend(query + pos, ...), batch first if the module says so: see ``deformable_attention``."""
    return _of_queries(module, query, reference_points, query_pos, added=False)

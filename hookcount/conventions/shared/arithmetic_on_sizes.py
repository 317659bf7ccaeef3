"""Arithmetic on sizes: the graph of a jit trace has each operation as a node (``width // 16``).

The interpreter computes these outside of torch, so no op shows them. The formulas here are for
layers whose ``forward`` does that. Each operation costs 1, on top of the layer's ops. Products are
in ``traced_sizes.py`` too, for a tool that counts nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import ceil, prod
from typing import Protocol

from torch import Size, nn

from ...core.ops import NOTHING, Ops
from ...core.trace import Call, ModuleRun
from ...rules.binding import RunFormula
from ...rules.registry import Registry, Target, target_name
from . import traced_sizes
from .borrowed import changed

FORMULAS = Registry(name="arithmetic on sizes in a jit trace", home=f"{__name__}:FORMULAS")

_VISION = "torchvision.models."
_DETR = "transformers.models.detr.modeling_detr."
_RFDETR = "rfdetr.models."
_DINO = _RFDETR + "backbone.dinov2_with_windowed_attn.WindowedDinov2WithRegisters"


class _WindowAttention(Protocol):
    qkv: nn.Linear
    window_size: Sequence[int]
    shift_size: Sequence[int]


class _WindowConfig(Protocol):
    num_windows: int


class _Windowed(Protocol):
    config: _WindowConfig


class _Levels(Protocol):
    n_levels: int


class _Proposes(Protocol):
    two_stage: bool


Operations = Mapping[str, int]
"""How many operations of each kind, by the name of the op in a trace."""
OPERATIONS: dict[str, Callable[..., Operations]] = {}
"""By target, the function of the formula's parameters that gives the operations on sizes."""


def _within(
    *targets: Target,
) -> Callable[[Callable[..., Operations]], Callable[..., Operations]]:
    """Register operations for several modules."""

    def put(operations: Callable[..., Operations]) -> Callable[..., Operations]:
        for each in targets:
            FORMULAS.register(each, changed(operations, _adds), covers="nothing")
            OPERATIONS[target_name(each)] = operations
        return operations

    return put


def _adds(operations: Operations, out: object) -> Ops:
    return Ops(adds=sum(operations.values()))


class MultiheadAttention(RunFormula):
    """The width of a head, batch times heads for each of q, k and v, batch times length.

    A padding mask and the zeros of ``add_zero_attn`` add batch times heads each. A layer that runs
    as one op has no arithmetic on sizes.
    """

    def of_run(self, run: ModuleRun) -> Ops:
        fused = any(target_name(op.call.target).startswith(_FUSED) for op in run.ops)
        return NOTHING if fused or run.call is None else self(run.path, run.call)

    def __call__(self, path: str, call: Call) -> Ops:
        mask = call.args[3] if len(call.args) > 3 else call.kwargs.get("key_padding_mask")
        products = 4 + (mask is not None) + bool(call.module.add_zero_attn)
        return Ops(muls=products, specials=1)


_FUSED = "aten::_native_multi_head_attention"
FORMULAS.register(nn.MultiheadAttention, MultiheadAttention(), covers="nothing")
FORMULAS.register("aten::split_with_sizes", traced_sizes.packed_projections)


@_within(_VISION + "vision_transformer.VisionTransformer")
def patches() -> Operations:
    """The patches down, the patches across, and their product."""
    return {"floor_divide": 2, "mul": 1}


@_within(_VISION + "shufflenetv2.InvertedResidual")
def shuffled_channels() -> Operations:
    """The channels of a group."""
    return {"floor_divide": 1}


@_within(
    _VISION + "swin_transformer.ShiftedWindowAttention",
    _VISION + "swin_transformer.ShiftedWindowAttentionV2",
)
def shifted_windows(module: _WindowAttention, x: Size) -> Operations:
    """Windows down, across and in all, there and back; those of the batch; the width of a head.

    The first version also has the scale of the query, from the width of a head. The second has the
    length of the query's bias, and twice that. The mask of shifted windows needs 3 more. Along an
    axis with one window nothing is shifted.
    """
    is_second = hasattr(module, "logit_scale")
    doubled = is_second and module.qkv.bias is not None
    shifted = any(
        shift and ceil(size / window) > 1
        for shift, size, window in zip(module.shift_size, x[1:3], module.window_size, strict=True)
    )
    quotients = 7 + 3 * shifted + (doubled or not is_second)
    return {"floor_divide": quotients, "mul": 2 + doubled, "pow": int(not is_second)}


class _Records(Protocol):
    """An encoder or decoder of transformers 5."""

    _can_record_outputs: object


def _mask(module: object, mask: Size | None, queries: int, keys: int) -> int:
    """The positions of queries and keys, each plus an offset.

    In a trace, transformers 5 makes the mask also where no token is masked.
    """
    return queries + keys if mask is not None and hasattr(module, "_can_record_outputs") else 0


def _detr_encoder(module: nn.Module, inputs_embeds: Size, attention_mask: Size | None) -> Ops:
    """Dropout of the input, and the positions of the mask."""
    length = inputs_embeds[1]
    masked = _mask(module, attention_mask, length, length)
    return Ops(adds=masked, muls=prod(inputs_embeds))


def _detr_decoder(
    module: nn.Module,
    inputs_embeds: Size,
    attention_mask: Size | None,
    encoder_hidden_states: Size | None,
    encoder_attention_mask: Size | None,
) -> Ops:
    """The positions of the masks."""
    queries = inputs_embeds[1]
    own = _mask(module, attention_mask, queries, queries)
    if encoder_hidden_states is None:
        return Ops(adds=own)
    return Ops(adds=own + _mask(module, encoder_attention_mask, queries, encoder_hidden_states[1]))


FORMULAS.register(_DETR + "DetrEncoder", _detr_encoder)
FORMULAS.register(_DETR + "DetrDecoder", _detr_decoder)


@_within(_RFDETR + "lwdetr.LWDETR")
def padding(samples: object) -> Operations:
    """The padding of each image along its three axes. Images that are padded already have none."""
    images = samples[0] if isinstance(samples, Size) and len(samples) == 4 else 0
    return {"sub": 3 * (len(samples) if isinstance(samples, list) else images)}


@_within(_DINO + "Embeddings")
def embeddings(module: _Windowed) -> Operations:
    """Positions and their root, patches down and across.

    With windows, the patches again; patches of a window down, across and in all; windows of the
    batch along an axis and in all.
    """
    windowed = module.config.num_windows > 1
    return {"sub": 1, "pow": 1, "floor_divide": 2 + 4 * windowed, "mul": 3 * windowed}


@_within(_DINO + "Layer")
def joined_windows(run_full_attention: bool = False) -> Operations:
    """Images of the batch and the length of all windows, there and back."""
    return dict.fromkeys(("floor_divide", "mul"), 2 * run_full_attention)


@_within(_DINO + "Backbone")
def feature_maps(module: _Windowed, out: Sequence[Sequence[Size]]) -> Operations:
    """Per map the patches down and across.

    With windows, the patches of a window down and across, the images of the batch twice, the length
    of all windows, and the windows of the batch along an axis.
    """
    maps, windowed = len(out[0]), module.config.num_windows > 1
    return {"floor_divide": maps * (2 + 4 * windowed), "mul": maps * 2 * windowed}


@_within(_RFDETR + "ops.modules.ms_deform_attn.MSDeformAttn")
def sampled_levels(module: _Levels) -> Operations:
    """Per level its positions and the heads of the batch; heads twice and samples once."""
    return {"mul": 2 * module.n_levels + 3}


@_within(_RFDETR + "transformer.Transformer")
def proposals(module: _Proposes, srcs: Sequence[Size], masks: Sequence[Size] | None) -> Operations:
    """Per level its positions, and the sum that ends it; the same again where the next one begins.

    Only a mask is cut into levels.
    """
    if not module.two_stage or masks is None:
        return {}
    return dict.fromkeys(("mul", "add"), 2 * len(srcs) - 1)

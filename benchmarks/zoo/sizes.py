"""Models of transformers: the other sizes of two families, and MACs worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lib.collection.models import ROWS
from lib.collection.parts import FEATURES, R18, Row, resnet


def hgnet(
    stem: list[int],
    stages: tuple[list[int], list[int], list[int], list[int]],
    layers: int,
    **settings: Any,
) -> dict[str, Any]:
    into, within, out, blocks = stages
    return {
        "model_type": "hgnet_v2",
        "out_features": list(FEATURES),
        "stem_channels": stem,
        "stage_in_channels": into,
        "stage_mid_channels": within,
        "stage_out_channels": out,
        "hidden_sizes": out,
        "stage_num_blocks": blocks,
        "stage_numb_of_layers": [layers] * 4,
        "use_learnable_affine_block": True,
        **settings,
    }


B0 = [3, 16, 16], ([16, 64, 256, 512], [16, 32, 64, 128], [64, 256, 512, 1024], [1, 1, 2, 1]), 3
B2 = [3, 24, 32], ([32, 96, 384, 768], [32, 64, 128, 256], [96, 384, 768, 1536], [1, 1, 3, 1]), 4
B5 = (
    [3, 32, 64],
    ([64, 128, 512, 1024], [64, 128, 256, 512], [128, 512, 1024, 2048], [1, 2, 5, 2]),
    6,
)
WIDE = {"encoder_hidden_dim": 384, "encoder_ffn_dim": 2048, "decoder_in_channels": [384] * 3}
NARROW = {"encoder_hidden_dim": 128, "d_model": 128, "decoder_in_channels": [128] * 2}


def sized(name: str, base: str, **settings: Any) -> Row:
    return replace(ROWS[base], name=name, full={**ROWS[base].full, **settings})


SIZES = (
    sized(
        "rt-detr-r34",
        "rt-detr-r18",
        backbone_config=resnet("rt_detr_resnet", FEATURES, **{**R18, "depths": [3, 4, 6, 3]}),
        decoder_layers=4,
    ),
    sized(
        "rt-detr-r101",
        "rt-detr-r50",
        backbone_config=resnet("rt_detr_resnet", FEATURES, depths=[3, 4, 23, 3]),
        **WIDE,
    ),
    sized(
        "d-fine-n",
        "d-fine-l",
        backbone_config=hgnet(*B0, out_features=list(FEATURES[1:])),
        **NARROW,
        num_feature_levels=2,
        feat_strides=[16, 32],
        encode_proj_layers=[1],
        encoder_in_channels=[512, 1024],
        encoder_ffn_dim=512,
        decoder_ffn_dim=512,
        decoder_n_points=[6, 6],
        decoder_layers=3,
        depth_mult=0.5,
        hidden_expansion=0.34,
    ),
    sized(
        "d-fine-s",
        "d-fine-l",
        backbone_config=hgnet(*B0),
        encoder_in_channels=[256, 512, 1024],
        decoder_layers=3,
        depth_mult=0.34,
        hidden_expansion=0.5,
    ),
    sized(
        "d-fine-m",
        "d-fine-l",
        backbone_config=hgnet(*B2),
        encoder_in_channels=[384, 768, 1536],
        decoder_layers=4,
        depth_mult=0.67,
    ),
    sized(
        "d-fine-x", "d-fine-l", backbone_config=hgnet(*B5, use_learnable_affine_block=False), **WIDE
    ),
)

BINS = "aten::mv: layers * queries * edges * bins"
EXPERTS = (
    "grouped products of experts: layers * tokens * experts per token * 3 * width * expert's width"
)
UNSEEN = {
    **{
        f"d-fine-{size}": (layers * 300 * 4 * 33, BINS)
        for size, layers in zip("nsmlx", (3, 3, 4, 6, 6), strict=True)
    },
    "qwen3-30b-a3b": (48 * 1024 * 8 * 3 * 2048 * 768, EXPERTS),
    "qwen3.5-35b-a3b": (40 * 1024 * 8 * 3 * 2048 * 512, EXPERTS),
    "mixtral-8x7b": (32 * 1024 * 2 * 3 * 4096 * 14336, EXPERTS),
    "deepseek-v3": (58 * 1024 * 8 * 3 * 7168 * 2048, EXPERTS),
}


def blocks(layers: int, tokens: int, projected: int, feed: int, width: int) -> int:
    """The MACs of ``layers`` transformer blocks of width ``width`` over ``tokens`` tokens.

    ``projected`` and ``feed`` are the MACs per token of the projections and of the feed-forward.
    The two products of attention are over all pairs of tokens.
    """
    return layers * (tokens * (projected + feed) + 2 * tokens**2 * width)


WORKED = {
    "llava-1.5-7b": 576
    * 1024
    * 3
    * 14
    * 14  # patches of 14 x 14, one token of class, a projector, 32 layers, the vocabulary
    + blocks(24, 577, 4 * 1024**2, 2 * 1024 * 4096, 1024)
    + 576 * (1024 * 4096 + 4096**2)
    + blocks(32, 641, 4 * 4096**2, 3 * 4096 * 11008, 4096)
    + 641 * 4096 * 32064,
    "qwen2.5-vl-3b": 1024
    * 1176
    * 1280  # 28 layers attend within 16 windows of 64 patches, 4 over all; patches merge in fours
    + blocks(28 * 16, 64, 4 * 1280**2, 3 * 1280 * 3420, 1280)
    + blocks(4, 1024, 4 * 1280**2, 3 * 1280 * 3420, 1280)
    + 256 * (5120**2 + 5120 * 2048)
    + blocks(36, 321, 2048 * (2048 + 2 * 256) + 2048**2, 3 * 2048 * 11008, 2048)
    + 321 * 2048 * 151936,
}

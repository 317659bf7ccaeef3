"""Models of transformers by name, each in two sizes: ``small`` runs for real in a moment, ``full`` is the published one.

    model, inputs = build("detr-r50", "full")                 # on meta: no memory, random weights never made
    hookcount.count(model, **inputs)

Nothing is downloaded: a config says all of a model, its backbone too, and weights are random. A row says of its config what is
not the default of transformers, as far as a count depends on it.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True)
class Row:
    """``type`` is a class of transformers, ``full`` and ``small`` what its config is given, ``*_inputs`` shapes by name, or the
    tensor itself. Ids and masks are integers."""

    name: str
    type: str
    full: Mapping[str, Any]
    full_inputs: Mapping[str, Any]
    small: Mapping[str, Any]
    small_inputs: Mapping[str, Any]


def build(
    name: str, size: str, device: str = "meta", dtype: torch.dtype = torch.float32
) -> tuple[nn.Module, dict[str, Any]]:
    """The model called ``name`` in eval mode, and what its forward takes. ``size`` is ``"small"`` or ``"full"``."""
    import transformers

    row = ROWS[name]
    settings = row.full if size == "full" else row.small
    kind = getattr(transformers, row.type)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = kind.config_class(**settings)
        config.dtype = dtype
        with torch.device(device):
            model = kind._from_config(config).to(device).eval()
    return model, inputs(name, size, device, dtype)


def inputs(
    name: str, size: str, device: str = "meta", dtype: torch.dtype = torch.float32
) -> dict[str, torch.Tensor]:
    """What the forward of the model called ``name`` takes: random numbers, ids out of the smallest vocabulary, masks of ones."""
    row = ROWS[name]
    shapes = row.full_inputs if size == "full" else row.small_inputs
    return {each: _value(each, shape, device, dtype) for each, shape in shapes.items()}


def _value(name: str, shape: Any, device: str, dtype: torch.dtype) -> torch.Tensor:
    if isinstance(shape, torch.Tensor):
        return shape if device == "meta" else shape.to(device)
    where = "cpu" if device == "meta" else device  # ids and masks tell code which way to take
    if name.endswith("mask"):
        return torch.ones(shape, dtype=torch.int64, device=where)
    if name.endswith(("ids", "labels")):
        return torch.randint(0, 64, shape, generator=torch.Generator().manual_seed(0)).to(where)
    return torch.randn(shape, dtype=dtype, device=device)


def tokens(
    length: int, *, image: int | None = None, images: int = 0, start: int | None = None
) -> torch.Tensor:
    """[1, length] token ids, of which the ``images`` after the first (and after ``start``) stand for an image."""
    ids = torch.randint(0, 64, (1, length), generator=torch.Generator().manual_seed(0))
    if start is not None:
        ids[0, 0] = start
    if image is not None:
        ids[0, 1 : 1 + images] = image
    return ids


# -- parts that several have

FEATURES = ("stage2", "stage3", "stage4")
CAT = torch.tensor(
    [[101, 1037, 4937, 1012, 1037, 6556, 2491, 1012, 102]]
)  # "a cat. a remote control." in BERT's vocabulary


def resnet(
    model_type: str = "resnet", features: tuple[str, ...] = ("stage4",), **settings: Any
) -> dict[str, Any]:
    """ResNet-50, or what ``settings`` make of it."""
    return {"model_type": model_type, "out_features": list(features), **settings}


def thin_resnet(
    model_type: str = "resnet", features: tuple[str, ...] = ("stage4",)
) -> dict[str, Any]:
    widths = {
        "embedding_size": 8,
        "hidden_sizes": [8, 8, 16, 16],
        "depths": [1, 1, 1, 1],
        "layer_type": "basic",
    }
    return resnet(model_type, features, **widths)


R18 = {"depths": [2, 2, 2, 2], "hidden_sizes": [64, 128, 256, 512], "layer_type": "basic"}
SWIN_T = {
    "model_type": "swin",
    "depths": [2, 2, 6, 2],
    "embed_dim": 96,
    "num_heads": [3, 6, 12, 24],
    "window_size": 7,
}
THIN_SWIN = {
    "model_type": "swin",
    "image_size": 64,
    "depths": [1, 1, 1, 1],
    "embed_dim": 8,
    "num_heads": [1, 1, 2, 2],
    "window_size": 2,
}
ALL_FEATURES = {"out_features": ["stage1", "stage2", "stage3", "stage4"]}
THIN_DETR = {
    "d_model": 32,  # a group norm of 32 groups
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_ffn_dim": 24,
    "decoder_ffn_dim": 24,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "num_queries": 7,
}
THIN_RT_DETR = {
    **THIN_DETR,
    "encoder_hidden_dim": 32,
    "encoder_in_channels": [8, 16, 16],
    "decoder_in_channels": [32, 32, 32],
    "decoder_n_points": 2,
    "encoder_layers": 1,
}
THIN_TEXT = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "vocab_size": 100,
}
THIN_IMAGE = {**THIN_TEXT, "image_size": 32, "patch_size": 8}
del THIN_IMAGE["vocab_size"]
GROUPED = {**THIN_TEXT, "num_attention_heads": 4, "num_key_value_heads": 2}
THIN_QWEN = {
    **GROUPED,
    "head_dim": 8,
    "layer_types": ["linear_attention", "full_attention"],
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
}
TEXT, FEW = {"input_ids": (1, 1024)}, {"input_ids": (2, 10)}
LARGE_IMAGE = {"pixel_values": (1, 3, 800, 1066)}
THUMBNAIL = {"pixel_values": (1, 3, 64, 96)}

# -- the collection

_COLLECTION = (
    # detectors
    Row(
        "detr-r50",
        "DetrForObjectDetection",
        {"num_labels": 91, "backbone_config": resnet()},
        LARGE_IMAGE,
        {**THIN_DETR, "backbone_config": thin_resnet()},
        THUMBNAIL,
    ),
    Row(
        "conditional-detr-r50",
        "ConditionalDetrForObjectDetection",
        {"num_labels": 91, "backbone_config": resnet()},
        LARGE_IMAGE,
        {**THIN_DETR, "backbone_config": thin_resnet()},
        THUMBNAIL,
    ),
    Row(
        "deformable-detr-r50",
        "DeformableDetrForObjectDetection",
        {"num_labels": 91, "backbone_config": resnet(features=FEATURES)},
        LARGE_IMAGE,
        {**THIN_DETR, "backbone_config": thin_resnet(features=FEATURES)},
        THUMBNAIL,
    ),
    Row(
        "dab-detr-r50",
        "DabDetrForObjectDetection",
        {"num_labels": 91, "backbone_config": resnet()},
        LARGE_IMAGE,
        {**THIN_DETR, "hidden_size": 32, "backbone_config": thin_resnet()},
        THUMBNAIL,
    ),
    *(
        row
        for name, kind in (("rt-detr", "RTDetr"), ("rt-detr-v2", "RTDetrV2"))
        for row in (
            Row(
                f"{name}-r18",
                f"{kind}ForObjectDetection",
                {
                    "num_labels": 80,
                    "backbone_config": resnet("rt_detr_resnet", FEATURES, **R18),
                    "encoder_in_channels": [128, 256, 512],
                    "hidden_expansion": 0.5,
                    "decoder_layers": 3,
                },
                {"pixel_values": (1, 3, 640, 640)},
                {
                    **THIN_RT_DETR,
                    "backbone_config": thin_resnet("rt_detr_resnet", FEATURES),
                    "hidden_expansion": 0.5,
                },
                {"pixel_values": (1, 3, 64, 64)},
            ),
            Row(
                f"{name}-r50",
                f"{kind}ForObjectDetection",
                {"num_labels": 80, "backbone_config": resnet("rt_detr_resnet", FEATURES)},
                {"pixel_values": (1, 3, 640, 640)},
                {**THIN_RT_DETR, "backbone_config": thin_resnet("rt_detr_resnet", FEATURES)},
                {"pixel_values": (1, 3, 64, 64)},
            ),
        )
    ),
    Row(
        "d-fine-l",
        "DFineForObjectDetection",
        {
            "num_labels": 80,
            "backbone_config": {
                "model_type": "hgnet_v2",
                "out_features": list(FEATURES),
            },  # its default is the L
            "decoder_n_points": [3, 6, 3],
        },
        {"pixel_values": (1, 3, 640, 640)},
        {
            **THIN_RT_DETR,
            "backbone_config": {
                "model_type": "hgnet_v2",
                "out_features": list(FEATURES),
                "stem_channels": [3, 4, 8],
                "hidden_sizes": [8, 8, 16, 16],
                "stage_in_channels": [8, 8, 8, 16],
                "stage_mid_channels": [4, 4, 4, 8],
                "stage_out_channels": [8, 8, 16, 16],
                "stage_num_blocks": [1, 1, 1, 1],
                "stage_numb_of_layers": [1, 1, 1, 1],
            },
            "decoder_n_points": [3, 6, 3],
        },
        {"pixel_values": (1, 3, 64, 64)},
    ),
    Row(
        "grounding-dino-t",
        "GroundingDinoForObjectDetection",
        {"backbone_config": {**SWIN_T, "out_features": list(FEATURES)}},
        {**LARGE_IMAGE, "input_ids": CAT},
        {
            **THIN_DETR,
            "backbone_config": {**THIN_SWIN, "out_features": list(FEATURES)},
            "text_config": {"model_type": "bert", **THIN_TEXT, "vocab_size": 8000},
        },
        {**THUMBNAIL, "input_ids": CAT},
    ),
    Row(
        "yolos-s",
        "YolosForObjectDetection",
        {
            "num_labels": 91,
            "hidden_size": 384,
            "intermediate_size": 1536,
            "num_attention_heads": 6,
        },
        {"pixel_values": (1, 3, 800, 1344)},
        {**THIN_IMAGE, "image_size": [64, 96], "num_detection_tokens": 7},
        THUMBNAIL,
    ),
    Row(
        "owlv2-b16",
        "Owlv2ForObjectDetection",
        {"vision_config": {"image_size": 960}},
        {"pixel_values": (1, 3, 960, 960), "input_ids": (2, 16), "attention_mask": (2, 16)},
        {"vision_config": THIN_IMAGE, "text_config": THIN_TEXT, "projection_dim": 16},
        {"pixel_values": (1, 3, 32, 32), "input_ids": (3, 8), "attention_mask": (3, 8)},
    ),
    # segmentation
    Row(
        "maskformer-swin-t",
        "MaskFormerForInstanceSegmentation",
        {"num_labels": 150, "backbone_config": {**SWIN_T, **ALL_FEATURES}},
        {"pixel_values": (1, 3, 512, 512)},
        {
            "backbone_config": {**THIN_SWIN, **ALL_FEATURES},
            "decoder_config": {"model_type": "detr", **THIN_DETR, "backbone_config": thin_resnet()},
            "fpn_feature_size": 32,
            "mask_feature_size": 32,
        },
        {"pixel_values": (1, 3, 64, 64)},
    ),
    Row(
        "mask2former-swin-t",
        "Mask2FormerForUniversalSegmentation",
        {"num_labels": 150, "backbone_config": {**SWIN_T, **ALL_FEATURES}},
        {"pixel_values": (1, 3, 512, 512)},
        {
            "backbone_config": {**THIN_SWIN, **ALL_FEATURES},
            "feature_size": 32,
            "mask_feature_size": 32,
            "hidden_dim": 32,
            "encoder_feedforward_dim": 24,
            "dim_feedforward": 24,
            "encoder_layers": 2,
            "decoder_layers": 3,
            "num_attention_heads": 2,
            "num_queries": 7,
        },
        {"pixel_values": (1, 3, 64, 64)},
    ),
    Row(
        "segformer-b0",
        "SegformerForSemanticSegmentation",
        {"num_labels": 150},
        {"pixel_values": (1, 3, 512, 512)},
        {
            "hidden_sizes": [8, 8, 16, 16],
            "depths": [1, 1, 1, 1],
            "num_attention_heads": [1, 1, 2, 2],
            "decoder_hidden_size": 16,
        },
        {"pixel_values": (1, 3, 64, 64)},
    ),
    Row(
        "sam-b",
        "SamModel",
        {},
        {"pixel_values": (1, 3, 1024, 1024), "input_points": (1, 1, 1, 2)},
        {
            "vision_config": {
                **THIN_IMAGE,
                "image_size": 64,
                "output_channels": 16,
                "global_attn_indexes": [1],
                "window_size": 3,
                "num_pos_feats": 8,
            },
            "prompt_encoder_config": {
                "hidden_size": 16,
                "image_size": 64,
                "patch_size": 8,
                "mask_input_channels": 4,
            },
            "mask_decoder_config": {
                "hidden_size": 16,
                "mlp_dim": 24,
                "num_attention_heads": 2,
                "iou_head_hidden_dim": 16,
            },
        },
        {"pixel_values": (1, 3, 64, 64), "input_points": (1, 2, 3, 2)},
    ),
    # encoders of images, and of images and text
    Row(
        "dinov2-b14",
        "Dinov2Model",
        {"image_size": 518},
        {"pixel_values": (1, 3, 224, 224)},
        THIN_IMAGE,
        {"pixel_values": (1, 3, 48, 32)},
    ),
    Row(
        "swin-t",
        "SwinForImageClassification",
        {"num_labels": 1000},
        {"pixel_values": (1, 3, 224, 224)},
        THIN_SWIN,
        {"pixel_values": (1, 3, 64, 64)},
    ),
    Row(
        "clip-b32",
        "CLIPModel",
        {},
        {"pixel_values": (1, 3, 224, 224), "input_ids": (1, 77)},
        {"vision_config": THIN_IMAGE, "text_config": THIN_TEXT, "projection_dim": 12},
        {"pixel_values": (1, 3, 32, 32), "input_ids": (3, 8)},
    ),
    Row(
        "siglip-b16",
        "SiglipModel",
        {},
        {"pixel_values": (1, 3, 224, 224), "input_ids": (1, 64)},
        {"vision_config": THIN_IMAGE, "text_config": THIN_TEXT},
        {"pixel_values": (1, 3, 32, 32), "input_ids": (3, 8)},
    ),
    # speech and text
    Row(
        "whisper-small",
        "WhisperForConditionalGeneration",
        {
            "d_model": 768,
            **{f"{side}_layers": 12 for side in ("encoder", "decoder")},
            **{f"{side}_attention_heads": 12 for side in ("encoder", "decoder")},
            **{f"{side}_ffn_dim": 3072 for side in ("encoder", "decoder")},
        },
        {"input_features": (1, 80, 3000), "decoder_input_ids": (1, 448)},
        {
            **THIN_DETR,
            "num_mel_bins": 8,
            "max_source_positions": 20,
            "vocab_size": 100,
            "pad_token_id": 0,
            "suppress_tokens": None,
        },
        {"input_features": (2, 8, 40), "decoder_input_ids": (2, 6)},
    ),
    Row(
        "t5-base",
        "T5ForConditionalGeneration",
        {"d_model": 768, "d_ff": 3072, "num_layers": 12, "num_heads": 12},
        {"input_ids": (1, 512), "decoder_input_ids": (1, 512)},
        {"d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2, "vocab_size": 100},
        {"input_ids": (2, 10), "decoder_input_ids": (2, 6)},
    ),
    Row(
        "bert-base",
        "BertForMaskedLM",
        {},
        {"input_ids": (1, 512)},
        THIN_TEXT,
        {**FEW, "attention_mask": (2, 10)},
    ),
    Row(
        "gpt2",
        "GPT2LMHeadModel",
        {},
        TEXT,
        {"n_embd": 16, "n_layer": 2, "n_head": 2, "vocab_size": 100},
        FEW,
    ),
    Row(
        "llama-3.1-8b",
        "LlamaForCausalLM",
        {
            "vocab_size": 128256,
            "intermediate_size": 14336,
            "num_key_value_heads": 8,
            "max_position_embeddings": 131072,
        },
        TEXT,
        GROUPED,
        {**FEW, "attention_mask": (2, 10)},
    ),
    Row(
        "qwen3-8b",
        "Qwen3ForCausalLM",
        {"intermediate_size": 12288, "num_hidden_layers": 36, "num_key_value_heads": 8},
        TEXT,
        {**GROUPED, "head_dim": 8},
        FEW,
    ),
    Row(
        "qwen3-30b-a3b",
        "Qwen3MoeForCausalLM",
        {"num_hidden_layers": 48, "head_dim": 128},
        TEXT,
        {
            **GROUPED,
            "head_dim": 8,
            "moe_intermediate_size": 12,
            "num_experts": 6,
            "num_experts_per_tok": 2,
        },
        FEW,
    ),
    Row("qwen3.5-9b", "Qwen3_5ForCausalLM", {}, TEXT, THIN_QWEN, FEW),
    Row(
        "qwen3.5-35b-a3b",
        "Qwen3_5MoeForCausalLM",
        {},
        TEXT,
        {
            **THIN_QWEN,
            "moe_intermediate_size": 12,
            "shared_expert_intermediate_size": 12,
            "num_experts": 6,
            "num_experts_per_tok": 2,
        },
        FEW,
    ),
    Row(
        "gemma-3-4b",
        "Gemma3ForCausalLM",
        {
            "hidden_size": 2560,
            "intermediate_size": 10240,
            "num_hidden_layers": 34,
            "sliding_window": 1024,
        },
        TEXT,
        {
            **GROUPED,
            "head_dim": 8,
            "sliding_window": 4,
            "layer_types": ["sliding_attention", "full_attention"],
        },
        FEW,
    ),
    Row("mixtral-8x7b", "MixtralForCausalLM", {}, TEXT, {**GROUPED, "num_local_experts": 4}, FEW),
    Row(
        "deepseek-v3",
        "DeepseekV3ForCausalLM",
        {},
        TEXT,
        {
            **THIN_TEXT,
            "num_key_value_heads": 2,
            "first_k_dense_replace": 1,
            "moe_intermediate_size": 12,
            "n_routed_experts": 8,
            "n_group": 2,
            "topk_group": 1,
            "num_experts_per_tok": 2,
            "q_lora_rank": 8,
            "kv_lora_rank": 8,
            "qk_rope_head_dim": 4,
            "qk_nope_head_dim": 8,
            "v_head_dim": 8,
        },
        FEW,
    ),
    Row(
        "mamba-130m",
        "MambaForCausalLM",
        {"num_hidden_layers": 24},
        TEXT,
        {"hidden_size": 16, "state_size": 4, "num_hidden_layers": 2, "vocab_size": 100},
        FEW,
    ),
    Row(
        "mamba2-7b",
        "Mamba2ForCausalLM",
        {},
        TEXT,
        {
            "hidden_size": 16,
            "state_size": 4,
            "num_hidden_layers": 2,
            "vocab_size": 100,
            "num_heads": 4,
            "head_dim": 8,
            "n_groups": 2,
            "chunk_size": 4,
        },
        FEW,
    ),
    # images among tokens
    Row(
        "llava-1.5-7b",
        "LlavaForConditionalGeneration",
        {
            "vision_config": {
                "model_type": "clip_vision_model",
                "hidden_size": 1024,
                "intermediate_size": 4096,
                "num_hidden_layers": 24,
                "num_attention_heads": 16,
                "image_size": 336,
                "patch_size": 14,
            },
            "text_config": {"model_type": "llama", "vocab_size": 32064},
        },
        {
            "pixel_values": (1, 3, 336, 336),
            "input_ids": tokens(1 + 576 + 64, image=32000, images=576),
        },
        {
            "vision_config": {"model_type": "clip_vision_model", **THIN_IMAGE},
            "text_config": {"model_type": "llama", **GROUPED},
            "image_token_index": 99,
        },
        {"pixel_values": (1, 3, 32, 32), "input_ids": tokens(1 + 16 + 5, image=99, images=16)},
    ),
    Row(
        "qwen2.5-vl-3b",
        "Qwen2_5_VLForConditionalGeneration",
        {
            "vision_config": {"hidden_size": 1280, "out_hidden_size": 2048},
            "text_config": {
                "vocab_size": 151936,
                "hidden_size": 2048,
                "intermediate_size": 11008,
                "num_hidden_layers": 36,
                "num_attention_heads": 16,
                "num_key_value_heads": 2,
                "rope_parameters": {
                    "rope_type": "default",
                    "rope_theta": 1e6,
                    "mrope_section": [16, 24, 24],
                },
            },
            "tie_word_embeddings": True,
        },
        {
            "pixel_values": (
                32 * 32,
                3 * 2 * 14 * 14,
            ),  # a 448 x 448 image in patches of 14 x 14, doubled in time
            "image_grid_thw": torch.tensor([[1, 32, 32]]),
            "input_ids": tokens(1 + 256 + 64, image=151655, images=256),
        },
        {
            "vision_config": {
                "depth": 2,
                "hidden_size": 16,
                "intermediate_size": 24,
                "num_heads": 2,
                "out_hidden_size": 16,
                "window_size": 56,
                "fullatt_block_indexes": [1],
            },
            "text_config": {
                **GROUPED,
                "rope_parameters": {
                    "rope_type": "default",
                    "rope_theta": 1e4,
                    "mrope_section": [1, 1, 0],
                },
            },
            "image_token_id": 99,
        },
        {
            "pixel_values": (8 * 8, 3 * 2 * 14 * 14),
            "image_grid_thw": torch.tensor([[1, 8, 8]]),
            "input_ids": tokens(1 + 16 + 5, image=99, images=16),
        },
    ),
)

ROWS = {row.name: row for row in _COLLECTION}

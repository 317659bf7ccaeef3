"""Detectors, segmentation models, and encoders of images."""

from __future__ import annotations

from lib.collection.parts import (
    ALL_FEATURES,
    CAT,
    FEATURES,
    LARGE_IMAGE,
    R18,
    SWIN_T,
    THIN_DETR,
    THIN_IMAGE,
    THIN_RT_DETR,
    THIN_SWIN,
    THIN_TEXT,
    THUMBNAIL,
    Row,
    resnet,
    thin_resnet,
)

IMAGES = (
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
)

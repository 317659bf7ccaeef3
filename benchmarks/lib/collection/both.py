"""Models that take images among their tokens."""

from __future__ import annotations

import torch

from lib.collection.parts import (
    GROUPED,
    THIN_IMAGE,
    Row,
    tokens,
)

IMAGES_AND_TEXTS = (
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

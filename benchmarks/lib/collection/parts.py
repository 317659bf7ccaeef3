"""What the rows of the collection are made of: backbones, small configs, and inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Row:
    """A model in two sizes.

    ``type`` is a class of transformers. ``full`` and ``small`` are the settings of its config.
    ``full_inputs`` and ``small_inputs`` give by name a shape, or the tensor itself. Ids and masks
    are integers.
    """

    name: str
    type: str
    full: Mapping[str, Any]
    full_inputs: Mapping[str, Any]
    small: Mapping[str, Any]
    small_inputs: Mapping[str, Any]


def tokens(
    length: int, *, image: int | None = None, images: int = 0, start: int | None = None
) -> torch.Tensor:
    """Token ids of shape [1, length].

    The first id is ``start``, if given. The next ``images`` ids are ``image``, and stand for an
    image.
    """
    ids = torch.randint(0, 64, (1, length), generator=torch.Generator().manual_seed(0))
    if start is not None:
        ids[0, 0] = start
    if image is not None:
        ids[0, 1 : 1 + images] = image
    return ids


FEATURES = ("stage2", "stage3", "stage4")
CAT = torch.tensor(
    [[101, 1037, 4937, 1012, 1037, 6556, 2491, 1012, 102]]
)  # "a cat. a remote control." in BERT's vocabulary


def resnet(
    model_type: str = "resnet", features: tuple[str, ...] = ("stage4",), **settings: Any
) -> dict[str, Any]:
    """The config of a ResNet-50, changed by ``settings``."""
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

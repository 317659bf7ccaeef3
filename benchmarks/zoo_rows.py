"""The models that ``zoo.py`` counts, of eight libraries, built from configs with random weights; nothing is downloaded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from collection import FEATURES, R18, ROWS, resnet
from collection import Row as Config
from collection import build as build_config
from torch import nn

from hookcount.models import build as build_torchvision
from hookcount.models.construct import without_memory

Given = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True)
class Row:
    """``make(device)`` gives the model in eval mode and what its forward takes."""

    name: str
    make: Callable[[str], tuple[nn.Module, Given]]
    needs_values: bool = False
    """Whether the way through the model is in its values: then it is counted as it runs for real."""
    unseen: int = 0
    """MACs that ``FlopCounterMode`` does not see, worked out by hand."""
    unseen_why: str = ""
    worked: int = 0
    """All MACs, worked out by hand, where ``FlopCounterMode`` cannot run."""


def rows() -> Iterator[Row]:
    yield from of_transformers()
    yield from of_rfdetr()
    yield from of_ultralytics()
    yield from of_torchvision()
    yield from of_timm()
    yield from of_others()


def image(size: int, channels: int = 3) -> Given:
    return (torch.randn(1, channels, size, size, generator=torch.Generator().manual_seed(0)),), {}


def placed(value: Any, device: str) -> Any:
    """Numbers on ``device``; ids and masks stay, since they tell code which way to take."""
    if isinstance(value, torch.Tensor):
        return value.to(device) if value.is_floating_point() else value
    if isinstance(value, dict):
        return {name: placed(each, device) for name, each in value.items()}
    return (
        type(value)(placed(each, device) for each in value)
        if isinstance(value, (list, tuple))
        else value
    )


def made(
    make: Callable[[], nn.Module], given: Given, always_real: bool = False
) -> Callable[[str], tuple[nn.Module, Given]]:
    """``always_real`` is for constructors that run the model and read what comes out."""

    def build(device: str) -> tuple[nn.Module, Given]:
        torch.manual_seed(0)
        model = without_memory(make) if device == "meta" and not always_real else make()
        return model.eval(), placed(given, device)

    return build


# -- transformers: the collection, and the other sizes of two families


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


def sized(name: str, base: str, **settings: Any) -> Config:
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
    """A transformer's: ``projected`` and ``feed`` are MACs per token, attention's two products are over all tokens."""
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


def of_transformers() -> Iterator[Row]:
    ROWS.update({each.name: each for each in SIZES})
    for name in ROWS:

        def make(device: str, name: str = name) -> tuple[nn.Module, Given]:
            torch.manual_seed(0)
            model, inputs = build_config(name, "full", device)
            return model, ((), inputs)

        yield Row(name, make, False, *UNSEEN.get(name, (0, "")), WORKED.get(name, 0))


# -- detectors of other libraries


def of_rfdetr() -> Iterator[Row]:
    for size, pixels in (("nano", 384), ("small", 512), ("medium", 576), ("large", 704)):

        def make(size: str = size) -> nn.Module:
            from rfdetr import config
            from rfdetr.models import build_model_from_config

            logging.getLogger("rf-detr").setLevel(logging.ERROR)
            model: nn.Module = build_model_from_config(
                getattr(config, f"RFDETR{size.title()}Config")(pretrain_weights=None, device="cpu")
            )
            return model

        yield Row(f"rf-detr-{size}", made(make, image(pixels)))


def of_ultralytics() -> Iterator[Row]:
    for name, kind in (
        *((f"yolo11{size}", "DetectionModel") for size in "nsmlx"),
        *((f"rtdetr-{size}", "RTDETRDetectionModel") for size in "lx"),
    ):

        def make(name: str = name, kind: str = kind) -> nn.Module:
            from ultralytics.nn import tasks

            model: nn.Module = getattr(tasks, kind)(f"{name}.yaml", verbose=False)
            return model

        label = f"ultralytics:{name}" if name.startswith("rtdetr") else name
        yield Row(label, made(make, image(640), always_real=True))


def of_torchvision() -> Iterator[Row]:
    for name in (
        "resnet50",
        "vit_b_16",
        "swin_t",
        "mobilenet_v3_large",
        "deeplabv3_resnet50",
        "raft_small",
        "swin3d_t",
    ):
        yield Row(f"torchvision:{name}", _torchvision(name))
    for name in ("fasterrcnn_resnet50_fpn", "fcos_resnet50_fpn", "ssd300_vgg16"):
        yield Row(f"torchvision:{name}", _torchvision(name), needs_values=True)


def _torchvision(name: str) -> Callable[[str], tuple[nn.Module, Given]]:
    def make(device: str) -> tuple[nn.Module, Given]:
        torch.manual_seed(0)
        built = build_torchvision(name, device)
        return built.model, (tuple(built.args), {})

    return make


# -- the other libraries


def of_timm() -> Iterator[Row]:
    sizes = {"dm_nfnet_f0": 256, "edgenext_small": 256}
    for name in (
        "convnext_tiny",
        "swin_tiny_patch4_window7_224",
        "deit_base_patch16_224",
        "efficientnet_b0",
        "regnety_040",
        "maxvit_tiny_tf_224",
        "levit_256",
        "pvt_v2_b2",
        "mobilenetv4_conv_small",
        "dm_nfnet_f0",
        "mambaout_tiny",
        "edgenext_small",
    ):
        yield Row(f"timm:{name}", timm_model(name, image(sizes.get(name, 224))))


def timm_model(name: str, given: Given) -> Callable[[str], tuple[nn.Module, Given]]:
    def make() -> nn.Module:
        import timm

        model: nn.Module = timm.create_model(name, pretrained=False)
        return model

    return made(make, given)


def of_others() -> Iterator[Row]:
    def unet() -> nn.Module:
        import segmentation_models_pytorch

        model: nn.Module = segmentation_models_pytorch.Unet("resnet34", encoder_weights=None)
        return model

    def stable_diffusion() -> nn.Module:
        import diffusers

        model: nn.Module = diffusers.UNet2DConditionModel(sample_size=64, cross_attention_dim=768)
        return model

    def dit() -> nn.Module:
        import diffusers

        model: nn.Module = diffusers.DiTTransformer2DModel(
            num_attention_heads=16,
            attention_head_dim=72,
            in_channels=4,
            out_channels=8,
            num_layers=28,
            sample_size=32,
            num_embeds_ada_norm=1000,
            norm_type="ada_norm_zero",
            norm_elementwise_affine=False,
        )
        return model

    (latent,), _ = image(64, 4)
    yield Row("smp:Unet-resnet34", made(unet, image(512)))
    yield Row(
        "stable-diffusion-1.5-unet",
        made(stable_diffusion, ((latent, torch.tensor([10]), torch.zeros(1, 77, 768)), {})),
    )
    yield Row(
        "dit-xl-2",
        made(
            dit,
            (image(32, 4)[0], {"timestep": torch.tensor([10]), "class_labels": torch.tensor([3])}),
        ),
    )
    nodes, edges = 2708, 10556  # those of Cora
    graph: Given = (
        (
            torch.zeros(nodes, 1433),
            torch.randint(0, nodes, (2, edges), generator=torch.Generator().manual_seed(0)),
        ),
        {},
    )
    for kind, widths, options in (
        ("GCN", (1433, 16, 2, 7), {}),
        ("GAT", (1433, 64, 2, 7), {"heads": 8}),
    ):

        def graph_network(
            kind: str = kind, widths: Any = widths, options: Any = options
        ) -> nn.Module:
            from torch_geometric.nn import models

            model: nn.Module = getattr(models, kind)(*widths, **options)
            return model

        yield Row(f"torch_geometric:{kind}", made(graph_network, graph))

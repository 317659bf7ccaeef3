"""The models of eight libraries that ``zoo.py`` counts.

They are built from configs with random weights. Nothing is downloaded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from lib.collection.models import ROWS
from lib.collection.models import build as build_config
from torch import nn

from hookcount.models import build as build_torchvision
from hookcount.models.construct import without_memory
from zoo.sizes import SIZES, UNSEEN, WORKED

Given = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True)
class Row:
    """A model. ``make(device)`` builds it in eval mode, with the arguments of its forward."""

    name: str
    make: Callable[[str], tuple[nn.Module, Given]]
    needs_values: bool = False
    """Whether values decide the path through the model. Such a model is counted in a real run."""
    unseen: int = 0
    """MACs that ``FlopCounterMode`` does not see, worked out by hand."""
    unseen_why: str = ""
    worked: int = 0
    """All MACs, worked out by hand, for models on which ``FlopCounterMode`` cannot run."""


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
    """Move floating-point tensors to ``device``. Ids and masks stay: code branches on them."""
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
    """Build a model later. ``always_real``: its constructor runs the model and reads values."""

    def build(device: str) -> tuple[nn.Module, Given]:
        torch.manual_seed(0)
        model = without_memory(make) if device == "meta" and not always_real else make()
        return model.eval(), placed(given, device)

    return build


# -- transformers: the collection, and the other sizes of two families


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

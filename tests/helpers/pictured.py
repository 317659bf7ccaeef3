"""Models whose views are looked at: of three libraries, and some made by hand."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable

import pytest
import torch
from torch import nn

import hookcount
from hookcount.models import build

NAMED = [
    "alexnet",
    "convnext_tiny",
    "deeplabv3_resnet50",
    "densenet201",
    "efficientnet_b0",
    "googlenet",
    "inception_v3",
    "maxvit_t",
    "mobilenet_v3_large",
    "r3d_18",
    "regnet_y_400mf",
    "resnet50",
    "shufflenet_v2_x0_5",
    "ssdlite320_mobilenet_v3_large",
    "swin_t",
    "vgg19",
    "vit_b_16",
    "timm:vit_tiny_patch16_224",
    "timm:mobilenetv4_conv_small",
]


class Block(nn.Module):
    """Two products of its own, a layer, and a dropout that does nothing in eval mode."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.drop = nn.Dropout()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        return self.drop((q @ k.transpose(-1, -2)).softmax(-1) @ v)


class Held(nn.Module):
    """Blocks in a container that never runs, deep in another one."""

    def __init__(self, blocks: int, width: int) -> None:
        super().__init__()
        self.encoder = nn.Module()
        self.encoder.layers = nn.ModuleList(Block(width) for _ in range(blocks))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.encoder.layers:
            x = layer(x)
        return x


class Shared(nn.Module):
    """One block at two places, and a parameter of two modules."""

    def __init__(self) -> None:
        super().__init__()
        self.first = Block(8)
        self.again = self.first
        self.layers = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
        self.layers[1].weight = self.layers[0].weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(self.again(self.first(x)))


def flat(count: int) -> nn.Module:
    """Layers without equals, all directly in the model."""
    return nn.Sequential(*[nn.Linear(8 + i, 9 + i) for i in range(count)])


def growing(count: int) -> nn.Module:
    """Blocks that differ in their figures only."""
    return nn.Sequential(
        *[nn.Sequential(nn.Linear(8, 9 + i), nn.ReLU(), nn.Linear(9 + i, 8)) for i in range(count)]
    )


def deep(levels: int) -> nn.Module:
    """Containers in containers, each with a layer beside."""
    inner: nn.Module = nn.Linear(8, 8)
    for _ in range(levels):
        inner = nn.Sequential(nn.Linear(8, 8), inner, nn.ReLU())
    return inner


SMALL = {"vocab_size": 100, "hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4}
GROUPED = {**SMALL, "num_key_value_heads": 2}
TRANSFORMERS: dict[str, tuple[str, str, dict[str, int]]] = {
    "llama": ("LlamaForCausalLM", "LlamaConfig", {**GROUPED, "num_hidden_layers": 32}),
    "mixtral": ("MixtralForCausalLM", "MixtralConfig", {**GROUPED, "num_hidden_layers": 4}),
    "bert": ("BertModel", "BertConfig", {**SMALL, "num_hidden_layers": 12}),
    "gemma3": (
        "Gemma3ForCausalLM",
        "Gemma3TextConfig",
        {**GROUPED, "num_hidden_layers": 12, "head_dim": 16},
    ),
}


def _of_transformers(kind: str) -> tuple[nn.Module, torch.Tensor]:
    transformers = pytest.importorskip("transformers")
    model, config, sizes = TRANSFORMERS[kind]
    with torch.device("meta"):
        whole = getattr(transformers, model)(getattr(transformers, config)(**sizes))
    return whole.eval(), torch.zeros(1, 16, dtype=torch.long, device="meta")


MADE: dict[str, Callable[[], tuple[nn.Module, torch.Tensor]]] = {
    "llama": lambda: _of_transformers("llama"),
    "bert": lambda: _of_transformers("bert"),
    "gemma3": lambda: _of_transformers("gemma3"),
    "mixtral": lambda: _of_transformers("mixtral"),
    "held": lambda: (Held(6, 16).eval(), torch.zeros(1, 4, 16)),
    "shared": lambda: (Shared().eval(), torch.zeros(1, 4, 8)),
    "flat": lambda: (flat(100), torch.zeros(1, 8)),
    "growing": lambda: (growing(90), torch.zeros(1, 8)),
    "deep": lambda: (deep(30), torch.zeros(1, 8)),
    "no work": lambda: (nn.Sequential(nn.Flatten(), nn.Identity()), torch.zeros(1, 8)),
    "no product": lambda: (nn.Sequential(nn.ReLU(), nn.LayerNorm(8)), torch.zeros(1, 8)),
}

EACH = [*NAMED, *MADE]


@functools.cache
def counted(name: str) -> hookcount.Report:
    """The report of one of ``EACH``. The test is skipped if a library is not installed."""
    if name.startswith("timm:"):
        pytest.importorskip("timm")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hookcount.UncountedWarning)
        if name in MADE:
            return hookcount.count(*MADE[name]())
        built = build(name)
        return hookcount.count(built.model, *(built.args or ()), **built.kwargs)

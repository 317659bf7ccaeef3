"""The models on which a convention is compared with its tool, by suite.

They have random weights and are in eval mode.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from lib import one_op

Case = tuple[nn.Module, tuple[Any, ...]]


@dataclass(frozen=True)
class Suite:
    """Some models of one kind.

    ``names`` lists the cases. ``make`` builds one: a model and its positional arguments.
    """

    what: str
    names: Callable[[], Iterable[str]]
    make: Callable[[str], Case]

    def case(self, name: str) -> Case:
        """Build a case. Each call gives the same weights and inputs."""
        torch.manual_seed(0)
        model, args = self.make(name)
        return model.eval(), args


def _torchvision(group: str) -> list[str]:
    from torchvision import models

    return models.list_models(module=getattr(models, group) if group else models)


def _classifier(name: str) -> Case:
    from torchvision import models

    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    return models.get_model(name, **options), (torch.randn(1, 3, 224, 224),)


def _video(name: str) -> Case:
    from torchvision import models

    side = 224 if name.startswith(("mvit", "swin", "s3d")) else 112
    return models.get_model(name), (torch.randn(1, 3, 16, side, side),)


def _segmentation(name: str) -> Case:
    from torchvision import models

    return models.get_model(name, weights_backbone=None), (torch.randn(1, 3, 128, 160),)


ONE_STAGE = (
    "fcos_resnet50_fpn",
    "retinanet_resnet50_fpn",
    "retinanet_resnet50_fpn_v2",
    "ssd300_vgg16",
)
ONE_STAGE += ("ssdlite320_mobilenet_v3_large",)


def _detector(name: str) -> Case:
    from torchvision import models

    small = {} if name.startswith("ssd") else {"min_size": 256, "max_size": 320}
    return models.get_model(name, weights_backbone=None, **small), ([torch.rand(3, 256, 320)],)


class Tagger(nn.Module):
    """Embedded words, a recurrent layer, a head."""

    def __init__(self, kind: type[nn.Module], **options: Any) -> None:
        super().__init__()
        self.words, self.layers = nn.Embedding(50, 16), kind(16, 24, batch_first=True, **options)
        self.head = nn.Linear(24 * (1 + bool(options.get("bidirectional"))), 9)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        hidden: torch.Tensor = self.head(self.layers(self.words(ids))[0])
        return hidden


class Stepwise(nn.Module):
    """A cell that is called once per step."""

    def __init__(self, kind: type[nn.Module]) -> None:
        super().__init__()
        self.cell, self.head = kind(16, 24), nn.Linear(24, 9)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        state = None
        for step in x.unbind(1):
            state = self.cell(step, state)
        out: torch.Tensor = self.head(state[0] if isinstance(state, tuple) else state)
        return out


class Convolved(nn.Module):
    """A reader of text lines: convolutions, a GRU over the columns of the image, attention."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.gru = nn.GRU(8 * 8, 16, batch_first=True, bidirectional=True)
        self.attend = nn.MultiheadAttention(32, 1, batch_first=True)
        self.head = nn.Linear(32, 11)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        columns, _ = self.gru(self.stem(image).flatten(1, 2).transpose(1, 2))
        out: torch.Tensor = self.head(self.attend(columns, columns, columns, need_weights=False)[0])
        return out


class Written(nn.Module):
    """A block of attention written out.

    One linear gives queries, keys and values. Products use ``@``. The feed-forward uses functions.
    """

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out, self.norm = nn.Linear(24, 72), nn.Linear(24, 24), nn.LayerNorm(24)
        self.up, self.down = nn.Parameter(torch.randn(48, 24)), nn.Parameter(torch.randn(24, 48))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(self.norm(x)).unflatten(-1, (3, 3, 8)).permute(2, 0, 3, 1, 4)
        x = x + self.out(
            ((q @ k.transpose(-2, -1) * 8**-0.5).softmax(-1) @ v).transpose(1, 2).flatten(2)
        )
        return x + F.linear(F.gelu(F.linear(x, self.up)), self.down)


class Translator(nn.Module):
    """``nn.Transformer`` between embeddings and a head."""

    def __init__(self, heads: int, **options: Any) -> None:
        super().__init__()
        self.words = nn.Embedding(50, 24)
        self.transformer = nn.Transformer(24, heads, 2, 2, 48, batch_first=True, **options)
        self.head = nn.Linear(24, 50)

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.transformer(self.words(source), self.words(target)))
        return out


class LanguageModel(nn.Module):
    """Embedded words, two blocks of causal attention, and the embeddings as the head."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(50, 24)
        self.projections = nn.ModuleList(nn.Linear(24, 72, bias=False) for _ in range(2))
        self.feeds = nn.ModuleList(
            nn.Sequential(nn.RMSNorm(24), nn.Linear(24, 48), nn.SiLU(), nn.Linear(48, 24))
            for _ in range(2)
        )

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.words(ids)
        for projection, feed in zip(self.projections, self.feeds, strict=True):
            q, k, v = projection(x).unflatten(-1, (3, 3, 8)).permute(2, 0, 3, 1, 4)
            x = x + F.scaled_dot_product_attention(q, k, v, is_causal=True).mT.flatten(1, 2).mT
            x = x + feed(x)
        return F.linear(x, self.words.weight)


class Asking(nn.Module):
    """Queries that are learned read a sequence, as in a DETR."""

    def __init__(self) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(5, 24))
        self.attend = nn.MultiheadAttention(24, 3, kdim=16, vdim=16, batch_first=True)
        self.head = nn.Linear(24, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        queries = self.queries.expand(len(x), -1, -1)
        out: torch.Tensor = self.head(self.attend(queries, x, x)[0])
        return out


def _ids(rows: int, length: int) -> torch.Tensor:
    return torch.randint(0, 50, (rows, length))


def _encoder(heads: int, **options: Any) -> nn.Module:
    layer = nn.TransformerEncoderLayer(24, heads, 48, batch_first=True, **options)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


SEQUENCES: dict[str, Callable[[], Case]] = {
    "rnn tagger": lambda: (Tagger(nn.RNN), (_ids(2, 7),)),
    "lstm tagger": lambda: (Tagger(nn.LSTM), (_ids(2, 7),)),
    "lstm tagger, two layers, both directions": lambda: (
        Tagger(nn.LSTM, num_layers=2, bidirectional=True),
        (_ids(2, 7),),
    ),
    "lstm tagger without biases": lambda: (Tagger(nn.LSTM, bias=False), (_ids(2, 7),)),
    "gru tagger": lambda: (Tagger(nn.GRU), (_ids(2, 7),)),
    "gru tagger, three layers, both directions": lambda: (
        Tagger(nn.GRU, num_layers=3, bidirectional=True),
        (_ids(2, 7),),
    ),
    "rnn cell, step by step": lambda: (Stepwise(nn.RNNCell), (torch.randn(3, 5, 16),)),
    "lstm cell, step by step": lambda: (Stepwise(nn.LSTMCell), (torch.randn(3, 5, 16),)),
    "gru cell, step by step": lambda: (Stepwise(nn.GRUCell), (torch.randn(3, 5, 16),)),
    "convolutions, gru, attention": lambda: (Convolved(), (torch.randn(2, 1, 16, 20),)),
    "attention written out": lambda: (Written(), (torch.randn(2, 7, 24),)),
    "transformer encoder, 3 heads": lambda: (_encoder(3), (torch.randn(2, 7, 24),)),
    "transformer encoder, 4 heads": lambda: (_encoder(4), (torch.randn(2, 7, 24),)),
    "transformer encoder, norm first, gelu": lambda: (
        _encoder(4, norm_first=True, activation="gelu"),
        (torch.randn(2, 7, 24),),
    ),
    "transformer decoder, norm first": lambda: (
        nn.TransformerDecoder(
            nn.TransformerDecoderLayer(24, 4, 48, batch_first=True, norm_first=True), 2
        ),
        (torch.randn(2, 7, 24), torch.randn(2, 5, 24)),
    ),
    "rnn tagger, two layers, relu": lambda: (
        Tagger(nn.RNN, num_layers=2, nonlinearity="relu"),
        (_ids(2, 7),),
    ),
    "causal language model, tied head": lambda: (LanguageModel(), (_ids(2, 7),)),
    "learned queries, other widths of keys": lambda: (Asking(), (torch.randn(2, 7, 16),)),
    "transformer, 3 heads": lambda: (Translator(3), (_ids(2, 7), _ids(2, 5))),
    "transformer, 4 heads": lambda: (Translator(4), (_ids(2, 7), _ids(2, 5))),
}


@cache
def timm_names(most: int = 100, largest: float = 60e6) -> tuple[str, ...]:
    """``most`` models of timm, drawn at random.

    One is drawn from each family, then another of each, and so on. None has more than ``largest``
    parameters. Each call draws the same models.
    """
    import timm

    lots = {module: timm.list_models(module=module) for module in timm.list_modules()}
    for module, names in lots.items():
        random.Random(module).shuffle(names)
    chosen: list[str] = []
    while len(chosen) < most and any(lots.values()):
        for names in lots.values():
            if drawn := next((name for name in names if _parameters(name) < largest), None):
                chosen.append(drawn)
            del names[: names.index(drawn) + 1 if drawn else None]
    return tuple(chosen[:most])


@cache
def _parameters(name: str) -> int:
    import timm

    try:
        with torch.device("meta"):
            return sum(each.numel() for each in timm.create_model(name).parameters())
    except Exception:  # its constructor reads values
        return sum(each.numel() for each in timm.create_model(name).parameters())


def _timm(name: str) -> Case:
    import timm

    return timm.create_model(name), (torch.randn(1, *timm.get_pretrained_cfg(name).input_size),)


_one_op = cache(one_op.cases)

SUITES = {
    "one op": Suite(
        "one module or function each", lambda: list(_one_op()), lambda name: _one_op()[name]
    ),
    "sequences": Suite(
        "recurrent layers and transformers", lambda: list(SEQUENCES), lambda name: SEQUENCES[name]()
    ),
    "classification": Suite(
        "torchvision's classifiers, 224 x 224", lambda: _torchvision(""), _classifier
    ),
    "video": Suite(
        "torchvision's video classifiers, 16 frames", lambda: _torchvision("video"), _video
    ),
    "segmentation": Suite(
        "torchvision's segmentation, 128 x 160", lambda: _torchvision("segmentation"), _segmentation
    ),
    "detection": Suite(
        "torchvision's one-stage detectors, 256 x 320", lambda: list(ONE_STAGE), _detector
    ),
    "timm": Suite("100 models over all families of timm", timm_names, _timm),
}

"""Steps that call modules. Each maker takes the generator, the model and the value at a position.

It returns a step, or None if the value does not fit.
"""

from __future__ import annotations

from random import Random
from typing import Any

import torch
from torch import Tensor, nn

from .program import Block, Program, Step, Tied, Twice

ACTIVATIONS = (nn.ReLU, nn.GELU, nn.SiLU, nn.Tanh, nn.Hardswish, nn.LeakyReLU, nn.PReLU, nn.ELU)


def _step(
    model: Program, module: nn.Module, at: int, torch_counts: bool = True, **named: Any
) -> Step:
    name = model.add(module)
    return Step(
        type(module).__name__,
        lambda model, values, options: model.parts[name](values[at]),
        torch_counts,
    )


def on_last(rng: Random, model: Program, value: Tensor, at: int) -> Step | None:
    """A layer on the last dimension."""
    if value.dim() < 2 or not value.is_floating_point():
        return None
    width = value.shape[-1]
    made: nn.Module = rng.choice(
        [
            lambda: nn.Linear(width, rng.randint(1, 9), bias=rng.random() < 0.7),
            lambda: nn.LayerNorm(width, elementwise_affine=rng.random() < 0.7),
            lambda: nn.RMSNorm(width),
            lambda: nn.Sequential(
                nn.Linear(width, 6), rng.choice(ACTIVATIONS)(), nn.Linear(6, width)
            ),
            lambda: Twice(nn.Linear(width, width)),
            lambda: Twice(nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width))),
            lambda: Tied(width),
            lambda: nn.Softmax(-1),
            lambda: nn.Dropout(0.5),
            lambda: rng.choice(ACTIVATIONS)(),
            lambda: nn.utils.parametrizations.weight_norm(nn.Linear(width, width)),
        ]
    )()
    return _step(model, made, at)


def block(rng: Random, model: Program, value: Tensor, at: int) -> Step | None:
    """A block with keyword arguments, some from the model's own."""
    if value.dim() < 2 or not value.is_floating_point():
        return None
    name = model.add(Block(value.shape[-1], rng.choice(ACTIVATIONS)()))
    residual = rng.random() < 0.5
    return Step(
        "Block",
        lambda model, values, options: model.parts[name](
            values[at], scale=options.get("scale", 2.0), residual=residual
        ),
    )


def again(rng: Random, model: Program, value: Tensor, at: int) -> Step | None:
    """A part that ran before, on another value."""
    if not len(model.parts):
        return None
    name = rng.choice(list(model.parts))
    return Step("again", lambda model, values, options: model.parts[name](values[at]), False)


def recurrent(rng: Random, model: Program, value: Tensor, at: int) -> Step | None:
    """A recurrent layer, a cell in a loop."""
    if value.dim() != 3 or not value.is_floating_point():
        return None
    width, hidden = value.shape[-1], rng.randint(2, 5)
    if rng.random() < 0.3:
        name = model.add(rng.choice([nn.LSTMCell, nn.GRUCell, nn.RNNCell])(width, hidden))

        def loop(model: Program, values: list[Tensor], options: dict[str, Any]) -> Any:
            state, kept = None, []
            for x in values[at].unbind(1):
                state = model.parts[name](x, state)
                kept.append(state[0] if isinstance(state, tuple) else state)
            return kept

        return Step("cell", loop, False)
    kind = rng.choice([nn.LSTM, nn.GRU, nn.RNN])
    more = {"proj_size": 1} if kind is nn.LSTM and rng.random() < 0.3 else {}
    made = kind(
        width,
        hidden,
        num_layers=rng.randint(1, 2),
        batch_first=rng.random() < 0.5,
        bidirectional=rng.random() < 0.4,
        **more,
    )
    return _step(model, made, at, False)


def attention(rng: Random, model: Program, value: Tensor, at: int) -> Step | None:
    """Attention of modules."""
    if value.dim() != 3 or value.shape[-1] % 2 or not value.is_floating_point():
        return None
    width = value.shape[-1]
    if rng.random() < 0.4:
        made = nn.TransformerEncoderLayer(width, 2, 2 * width, batch_first=rng.random() < 0.7)
        return _step(model, made, at, False)
    name = model.add(nn.MultiheadAttention(width, 2, batch_first=rng.random() < 0.7))
    weights = rng.random() < 0.5
    return Step(
        "MultiheadAttention",
        lambda model, values, options: [
            each
            for each in model.parts[name](values[at], values[at], values[at], need_weights=weights)
            if each is not None
        ],
        False,
    )


def spatial(rng: Random, model: Program, value: Tensor, at: int) -> Step | None:
    """A layer on [batch, channels, height, width], or on [batch, channels, length]."""
    if value.dim() not in (3, 4) or not value.is_floating_point():
        return None
    n, channels = value.dim() - 2, value.shape[1]
    conv, turned = (nn.Conv1d, nn.ConvTranspose1d) if n == 1 else (nn.Conv2d, nn.ConvTranspose2d)
    grouped = channels if rng.random() < 0.4 else 1
    made: nn.Module = rng.choice(
        [
            lambda: conv(channels, 2 * grouped, 3, rng.randint(1, 2), 1, groups=grouped),
            lambda: conv(channels, 3, 1, bias=False),
            lambda: turned(channels, 2 * grouped, 2, 2, groups=grouped),
            lambda: (nn.BatchNorm1d if n == 1 else nn.BatchNorm2d)(channels),
            lambda: nn.GroupNorm(1, channels),
            lambda: nn.InstanceNorm1d(channels) if n == 1 else nn.InstanceNorm2d(channels),
            lambda: nn.MaxPool1d(2) if n == 1 else nn.MaxPool2d(2, return_indices=False),
            lambda: nn.AvgPool1d(2) if n == 1 else nn.AvgPool2d(2),
            lambda: nn.AdaptiveAvgPool1d(2) if n == 1 else nn.AdaptiveAvgPool2d((2, 3)),
            lambda: nn.Upsample(scale_factor=2, mode="linear" if n == 1 else "bilinear"),
            lambda: nn.Sequential(conv(channels, 4, 3, padding=1), nn.GroupNorm(2, 4), nn.SiLU()),
        ]
    )()
    return _step(model, made, at)


def of_ids(rng: Random, model: Program, value: Tensor, at: int) -> Step | None:
    """Embeddings of ids."""
    if value.dtype is not torch.int64:
        return None
    return _step(model, nn.Embedding(8, rng.randint(2, 6)), at)


MAKERS = (on_last, on_last, block, again, recurrent, attention, spatial, spatial, of_ids)

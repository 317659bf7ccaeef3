"""``thop.profile``: hooks on modules of the very classes that it lists; it sees no op. Norms weigh as much as MACs."""

from __future__ import annotations

from math import prod
from typing import Any

from torch import Size, nn

from ..core.ops import Ops
from ..rules.convention import Convention
from ..rules.registry import Registry
from .shared import tool_formulas as cells
from .shared.borrowed import EVERY_KIND, rule_of

FORMULAS = Registry(name="the formulas of thop")


_rule = rule_of(FORMULAS)


@_rule(nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
def convolution(module: Any, input: Size, out: Size) -> Ops:
    """Outputs times input channels of a group times kernel positions, also for a transposed one."""
    return Ops(macs=prod(out) * (input[1] // module.groups) * prod(module.weight.shape[2:]))


@_rule(nn.Linear)
def linear(module: Any, out: Size) -> Ops:
    """Outputs times input features."""
    return Ops(macs=module.in_features * prod(out))


@_rule(
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
    nn.SyncBatchNorm,
    nn.LayerNorm,
    nn.InstanceNorm1d,
    nn.InstanceNorm2d,
    nn.InstanceNorm3d,
)
def norm(module: Any, input: Size) -> Ops:
    """2 per element, 4 with a weight."""
    return cells.norm(module, input)


@_rule(nn.PReLU)
def prelu(input: Size) -> Ops:
    """1 per element; the tool sets eval mode itself."""
    return Ops(muls=prod(input))


@_rule(nn.Softmax)
def softmax(module: Any, input: Size) -> Ops:
    """3n - 1 per row of n."""
    n = input[module.dim]
    return cells.softmax(prod(input) // n, n)


@_rule(nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
def avg_pool(out: Size) -> Ops:
    """1 per output, whatever the window."""
    return Ops(adds=prod(out))


@_rule(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
def adaptive_avg_pool(input: Size, out: Size) -> Ops:
    """The mean window, a real number, plus 1 per output; the product is cut to an integer."""
    window = 1.0
    for before, after in zip(input[2:], out[2:], strict=True):
        window *= before / after
    return Ops(adds=int((window + 1) * prod(out)))


@_rule(nn.Upsample, nn.UpsamplingBilinear2d, nn.UpsamplingNearest2d)
def upsample(module: Any, out: Size) -> Ops:
    """1, 5, 11 or 259 per output, by the mode; other modes nothing."""
    return Ops(
        muls={"nearest": 1, "linear": 5, "bilinear": 11, "bicubic": 259}.get(module.mode, 0)
        * prod(out)
    )


@_rule(nn.RNN, nn.GRU, nn.LSTM)
def recurrent(module: Any, input: Any) -> Ops:
    """See ``cells.layers``; a projection of an LSTM is not known to it."""
    return cells.layers(type(module).__name__, module, prod(input[:2]))


@_rule(nn.RNNCell, nn.GRUCell, nn.LSTMCell)
def cell(module: Any, input: Size) -> Ops:
    """A cell per sample."""
    kind = type(module).__name__.removesuffix("Cell")
    return cells.CELLS[kind](module.input_size, module.hidden_size, bool(module.bias)) * input[0]


@_rule("aten::_transformer_encoder_layer_fwd")
def encoder_layer(src: Size, ffn_weight_1: Size) -> Ops:
    """Under the tool's hooks the layer does not run as one op: its two linears and two norms with weights."""
    linears, normed = cells.encoder_layer(src, wide=ffn_weight_1[0])
    return linears + Ops(adds=2 * normed, muls=2 * normed)


THOP = Convention(
    "thop",
    weights=EVERY_KIND,
    formulas=FORMULAS,
    sees="listed",
    matches="type",
    mirrors="thop 0.1.1",
    exact=True,
    differs=(
        "a module with two places in the tree: the tool adds all its calls at each of them",
        "packed sequences: the tool counts the padded rectangle",
    ),
)

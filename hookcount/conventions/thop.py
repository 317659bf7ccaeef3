"""``thop.profile``: hooks on modules of exactly the classes that it lists.

The tool sees no op. An operation of a norm weighs as much as a MAC.
"""

from __future__ import annotations

from math import prod
from typing import cast

from torch import Size, nn

from ..core.ops import Ops
from ..formulas import recurrent
from ..formulas.arithmetic import Outputs, first
from ..rules.convention import Convention
from ..rules.registry import Registry
from .shared import tool_formulas
from .shared.borrowed import EVERY_KIND, rule_of

FORMULAS = Registry(name="the formulas of thop", home=f"{__name__}:FORMULAS")
_rule = rule_of(FORMULAS)


@_rule(nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
def convolution(module: tool_formulas.Convolution, input: Size, out: Size) -> Ops:
    """[N, Co, *O] = conv([N, Ci, *I]): Ci/g * prod(K) per output, also of a transposed one."""
    return Ops(macs=prod(out) * (input[1] // module.groups) * prod(module.weight.shape[2:]))


_rule(nn.Linear)(tool_formulas.linear)

_rule(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)(tool_formulas.norm)
_rule(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)(tool_formulas.norm)
_rule(nn.LayerNorm)(tool_formulas.norm)


@_rule(nn.PReLU)
def prelu(input: Size) -> Ops:
    """[*] = prelu([*]): 1 per element; the tool sets eval mode itself."""
    return Ops(muls=prod(input))


@_rule(nn.Softmax)
def softmax(module: nn.Softmax, input: Size) -> Ops:
    """[*] = softmax([*]): 3n - 1 per row of n. Raises where ``dim`` is None, as the tool does."""
    n = input[cast(int, module.dim)]
    return tool_formulas.softmax(prod(input) // n, n)


@_rule(nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
def avg_pool(out: Size) -> Ops:
    """[N, C, *O] = average pool([N, C, *I]): 1 per output, whatever the window."""
    return Ops(adds=prod(out))


@_rule(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
def adaptive_avg_pool(input: Size, out: Size) -> Ops:
    """[N, C, *O] = adaptive average pool([N, C, *I]): the mean window and 1, per output.

    The mean window is a real number. The product with the outputs is cut to an integer.
    """
    window = 1.0
    for before, after in zip(input[2:], out[2:], strict=True):
        window *= before / after
    return Ops(adds=int((window + 1) * prod(out)))


UPSAMPLING_COSTS = {"nearest": 1, "linear": 5, "bilinear": 11, "bicubic": 259}
"""By the mode, the cost of an output."""


@_rule(nn.Upsample, nn.UpsamplingBilinear2d, nn.UpsamplingNearest2d)
def upsample(module: nn.Upsample, out: Size) -> Ops:
    """[N, C, *O] = upsample([N, C, *I]): 1, 5, 11 or 259 per output, by the mode.

    Other modes cost nothing.
    """
    return Ops(muls=UPSAMPLING_COSTS.get(module.mode, 0) * prod(out))


@_rule(nn.RNN, nn.GRU, nn.LSTM)
def recurrent_layers(module: nn.RNNBase, input: Outputs, out: tuple[Outputs, Outputs]) -> Ops:
    """[T, N, D * H] = all layers in all directions of [T, N, I].

    A packed sequence counts as the padded rectangle: the longest length for each of N sequences.
    The tool does not know the projection of an LSTM.
    """
    if isinstance(input, Size):
        rows = prod(input[:2])
    else:
        _, lengths, *_ = input  # a batch size for each step
        rows = lengths[0] * first(out[1])[-2]  # the last state is [D * layers, N, H]
    return recurrent.stack(
        tool_formulas.cell_of(module),
        rows,
        module.input_size,
        module.hidden_size,
        layers=int(module.num_layers),
        bidirectional=bool(module.bidirectional),
        biased=bool(module.bias),
    )


@_rule(nn.RNNCell, nn.GRUCell, nn.LSTMCell)
def recurrent_cell(module: nn.RNNCellBase, input: Size) -> Ops:
    """[N, H] = cell([N, I], [N, H]): one step for each sample."""
    return recurrent.steps(
        tool_formulas.cell_of(module),
        input[0],
        module.input_size,
        module.hidden_size,
        biased=bool(module.bias),
    )


@_rule("aten::_transformer_encoder_layer_fwd")
def encoder_layer(src: Size, ffn_weight_1: Size) -> Ops:
    """[*, d] = encoder layer([*, d], [h, d]): two linear layers, and two norms with weights.

    Under the tool's hooks the layer does not run as one op.
    """
    linears, normed = tool_formulas.encoder_layer(src, wide=ffn_weight_1[0])
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
        "a ScriptModule, a compiled module, and one that is not in the model's tree when the run "
        "begins: the tool raises an error. To hookcount the first has no class of the tool's list.",
    ),
)

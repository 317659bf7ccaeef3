"""``thop.profile`` of ultralytics-thop: hooks on modules of the classes it lists and their subclasses, and, outside of these, the
functions linear, matmul, bmm, einsum and attention, seen here as the ops that they run as. Norms weigh as much as MACs.
"""

from __future__ import annotations

from math import prod
from typing import Any

from torch import Size, nn

from ..core.ops import Ops
from ..rules.convention import Convention
from ..rules.registry import Registry
from .shared import tool_formulas as cells
from .shared.borrowed import EVERY_KIND, contractions, rule_of

FORMULAS = Registry(name="the formulas of ultralytics-thop")
_rule = rule_of(FORMULAS)

contractions(
    FORMULAS,
    (
        *(f"aten::{name}" for name in ("mm", "addmm", "bmm")),
        *(
            f"aten::_scaled_dot_product_{name}_attention"
            for name in ("efficient", "flash", "cudnn")
        ),
        "aten::_scaled_dot_product_flash_attention_for_cpu",
    ),
)


@_rule(nn.Conv1d, nn.Conv2d, nn.Conv3d)
def convolution(module: Any, out: Size) -> Ops:
    """Outputs times input channels of a group times kernel positions."""
    return Ops(macs=prod(out) * prod(module.weight.shape[1:]))


@_rule(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
def transposed_convolution(module: Any, input: Size, /) -> Ops:
    """Inputs times output channels of a group times kernel positions."""
    return Ops(macs=prod(input) * prod(module.weight.shape[1:]))


@_rule(nn.Linear)
def linear(module: Any, out: Size) -> Ops:
    """Outputs times input features."""
    return Ops(macs=module.in_features * prod(out))


@_rule(nn.Bilinear)
def bilinear(module: Any, out: Size) -> Ops:
    """Both contractions."""
    return Ops(macs=(module.in1_features + 1) * module.in2_features * prod(out))


@_rule(nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, "torch.nn.RMSNorm")
def norm(module: Any, input: Size, /) -> Ops:
    """2 per element, 4 with a weight."""
    return cells.norm(module, input)


@_rule(nn.PReLU)
def prelu(out: Size) -> Ops:
    """1 per element; the tool sets eval mode itself."""
    return Ops(muls=prod(out))


@_rule(nn.Softmax, nn.LogSoftmax, nn.Softmin, nn.Softmax2d)
def softmax(module: Any, input: Size, /) -> Ops:
    """3n - 1 per row of n; a logarithm per row, or a sign per element, more."""
    axis = -3 if isinstance(module, nn.Softmax2d) else module.dim
    if axis is None:  # as torch takes it then
        axis = 0 if len(input) in (0, 1, 3) else 1
    n = input[axis] if input else 1
    rows = prod(input) // n if n else 0
    more = (
        rows
        if isinstance(module, nn.LogSoftmax)
        else prod(input)
        if isinstance(module, nn.Softmin)
        else 0
    )
    return cells.softmax(rows, n) + Ops(specials=more)


@_rule(nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
def avg_pool(module: Any, input: Size, /, out: Size) -> Ops:
    """1 per element of each window, without what lies outside of the padding, and 1 per output."""
    axes = 1 if isinstance(module, nn.AvgPool1d) else 3 if isinstance(module, nn.AvgPool3d) else 2
    kernels, strides, pads = (
        (each,) * axes if isinstance(each, int) else each
        for each in (module.kernel_size, module.stride, module.padding)
    )
    pooled = prod(input[:-axes])
    for size, count, kernel, stride, pad in zip(
        input[-axes:], out[-axes:], kernels, strides, pads, strict=True
    ):
        low, high = (-pad, size + pad) if module.count_include_pad else (0, size)
        starts = [index * stride - pad for index in range(count)]
        pooled *= sum(max(min(start + kernel, high) - max(start, low), 0) for start in starts)
    return Ops(adds=pooled, specials=prod(out))


@_rule(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
def adaptive_avg_pool(module: Any, input: Size, /, out: Size) -> Ops:
    """1 per element of each window, which may overlap, and 1 per output."""
    return Ops(adds=cells.windows(input, out), specials=prod(out))


@_rule(nn.Upsample)
def upsample(module: Any, out: Size) -> Ops:
    """5, 11, 259 or 31 per output, by the mode; nearest nothing."""
    return Ops(
        muls={"linear": 5, "bilinear": 11, "bicubic": 259, "trilinear": 31}.get(module.mode, 0)
        * prod(out)
    )


@_rule(nn.MultiheadAttention)
def multihead_attention(module: Any, query: Size, key: Size, /, out: Any) -> Ops:
    """The four projections, the two products, and 3n - 1 per row of scores; no bias."""
    result, weights = out
    length_at = -2 if module.batch_first or len(result) == 2 else 0
    batch = 1 if len(result) == 2 else result[0 if module.batch_first else 1]
    appended = (module.bias_k is not None) + bool(module.add_zero_attn)
    queries = result[length_at]
    keys = weights[-1] if weights is not None else key[length_at] + appended
    width = module.embed_dim
    projections = width * (2 * queries * width + (keys - appended) * (module.kdim + module.vdim))
    products = 2 * queries * keys * width
    return Ops(macs=batch * (projections + products)) + cells.softmax(
        batch * module.num_heads * queries, keys
    )


def _steps(input: Size) -> int:
    return input[0] if len(input) == 2 else input[0] * input[1]


@_rule(nn.RNN, nn.GRU)
def recurrent(module: Any, input: Size, /) -> Ops:
    """See ``cells.layers``."""
    return cells.layers("RNN" if isinstance(module, nn.RNN) else "GRU", module, _steps(input))


@_rule(nn.LSTM)
def lstm(module: Any, input: Size, /) -> Ops:
    """See ``cells.projected_lstm``."""
    return cells.projected_lstm(module, _steps(input))


@_rule(nn.RNNCell, nn.GRUCell, nn.LSTMCell)
def cell(module: Any, input: Size, /) -> Ops:
    """A cell per sample."""
    kind = (
        "RNN"
        if isinstance(module, nn.RNNCell)
        else "GRU"
        if isinstance(module, nn.GRUCell)
        else "LSTM"
    )
    return cells.CELLS[kind](module.input_size, module.hidden_size, bool(module.bias)) * (
        input[0] if len(input) == 2 else 1
    )


@_rule("aten::_transformer_encoder_layer_fwd")
def encoder_layer(src: Size, embed_dim: int, num_heads: int, ffn_weight_1: Size) -> Ops:
    """Under the tool's hooks the layer does not run as one op: its attention, its two linears and two norms with weights."""
    linears, normed = cells.encoder_layer(src, wide=ffn_weight_1[0])
    batch, length = src[:2]
    attention = Ops(
        macs=batch * (4 * length * embed_dim * embed_dim + 2 * length * length * embed_dim)
    )
    return (
        linears
        + Ops(adds=2 * normed, muls=2 * normed)
        + attention
        + cells.softmax(batch * num_heads * length, length)
    )


ULTRALYTICS = Convention(
    "ultralytics",
    weights=EVERY_KIND,
    formulas=FORMULAS,
    sees="listed",
    matches="mro",
    unseen=frozenset(
        {"torch.mm", "torch.addmm", ".mm", ".addmm", "torch.Tensor.mm", "torch.Tensor.addmm"}
    ),
    mirrors="ultralytics-thop 2.2.3",
    exact=True,
    differs=(
        "torch.mm and torch.addmm that the code calls by a variable of its own: the tool does not see them",
        "a product with a vector (matmul, linear of one sample) outside of nn.Linear is not seen here",
        "multi_head_attention_forward outside of nn.MultiheadAttention: its softmax is not counted here",
        "packed sequences, and an einsum that broadcasts",
    ),
)

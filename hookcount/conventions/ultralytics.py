"""``thop.profile`` of ultralytics-thop: hooks on modules of listed classes and their subclasses.

Outside of these modules the tool sees the functions linear, matmul, bmm, einsum and attention. The
formulas here are for the ops as which they run. An operation of a norm weighs as much as a MAC.
"""

from __future__ import annotations

from math import prod

from torch import Size, nn

from ..core.ops import Ops
from ..formulas import recurrent
from ..formulas.arithmetic import Outputs, first
from ..rules.convention import Convention
from ..rules.registry import Registry
from .shared import tool_formulas
from .shared.borrowed import EVERY_KIND, FUSED_ATTENTION, aten, contractions, rule_of
from .shared.patched import called_as

FORMULAS = Registry(name="the formulas of ultralytics-thop", home=f"{__name__}:FORMULAS")
_rule = rule_of(FORMULAS)

contractions(FORMULAS, (*aten("mm addmm bmm mv addmv dot"), *FUSED_ATTENTION))

_rule(nn.Conv1d, nn.Conv2d, nn.Conv3d)(tool_formulas.convolution)


@_rule(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
def transposed_convolution(module: tool_formulas.Convolution, input: Size, /) -> Ops:
    """[N, Co, *O] = convT([N, Ci, *I], [Ci, Co/g, *K]): Co/g * prod(K) per input element."""
    return Ops(macs=prod(input) * prod(module.weight.shape[1:]))


_rule(nn.Linear)(tool_formulas.linear)


@_rule(nn.Bilinear)
def bilinear(module: nn.Bilinear, out: Size) -> Ops:
    """[*, n] = bilinear([*, i], [*, j]): both contractions, (i + 1) * j per output."""
    return Ops(macs=(module.in1_features + 1) * module.in2_features * prod(out))


_rule(nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, "torch.nn.RMSNorm")(
    tool_formulas.norm
)


@_rule(nn.PReLU)
def prelu(out: Size) -> Ops:
    """[*] = prelu([*]): 1 per element; the tool sets eval mode itself."""
    return Ops(muls=prod(out))


@_rule(nn.Softmax, nn.LogSoftmax, nn.Softmin, nn.Softmax2d)
def softmax(module: nn.Softmax | nn.LogSoftmax | nn.Softmin | nn.Softmax2d, input: Size, /) -> Ops:
    """[*] = softmax([*]): 3n - 1 per row of n.

    ``LogSoftmax`` adds a logarithm per row, and ``Softmin`` a change of sign per element.
    """
    axis = -3 if isinstance(module, nn.Softmax2d) else module.dim
    if axis is None:  # torch chooses the axis by the number of axes
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
    return tool_formulas.softmax(rows, n) + Ops(specials=more)


@_rule(nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
def avg_pool(module: tool_formulas.AveragePool, input: Size, /, out: Size) -> Ops:
    """[N, C, *O] = average pool([N, C, *I]): 1 per element of each window, and 1 per output.

    Elements of a window beyond the padding do not count.
    """
    axes = tool_formulas.pooled_axes(module)
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
def adaptive_avg_pool(module: nn.Module, input: Size, /, out: Size) -> Ops:
    """[N, C, *O] = adaptive average pool([N, C, *I]): see ``tool_formulas.adaptive_average``."""
    return tool_formulas.adaptive_average(input, out)


@_rule(nn.Upsample)
def upsample(module: nn.Upsample, out: Size) -> Ops:
    """[N, C, *O] = upsample([N, C, *I]): 5, 11, 259 or 31 per output, by the mode.

    Other modes cost nothing.
    """
    costs = {"linear": 5, "bilinear": 11, "bicubic": 259, "trilinear": 31}
    return Ops(muls=costs.get(module.mode, 0) * prod(out))


@_rule(nn.MultiheadAttention)
def multihead_attention(
    module: nn.MultiheadAttention, query: Size, key: Size, /, out: tuple[Size, Size | None]
) -> Ops:
    """[B, L, E] = attention([B, L, E], [B, S, Ek], [B, S, Ev]): four projections, two products.

    The softmax costs 3n - 1 per row of n scores. Biases cost nothing.
    """
    result, weights = out
    length_at = -2 if module.batch_first or len(result) == 2 else 0
    batch = 1 if len(result) == 2 else result[0 if module.batch_first else 1]
    appended = (module.bias_k is not None) + bool(module.add_zero_attn)
    queries = result[length_at]
    keys = weights[-1] if weights is not None else key[length_at] + appended
    width = module.embed_dim
    projections = width * (2 * queries * width + (keys - appended) * (module.kdim + module.vdim))
    products = 2 * queries * keys * width
    return Ops(macs=batch * (projections + products)) + tool_formulas.softmax(
        batch * module.num_heads * queries, keys
    )


@_rule(nn.RNN, nn.GRU, nn.LSTM)
def recurrent_layers(module: nn.RNNBase, input: Outputs, /) -> Ops:
    """[T, N, D * H] = all layers in all directions of [T, N, I], with the projection of an LSTM.

    A packed sequence has a row for each real position, and none for padding.
    """
    return recurrent.stack(
        tool_formulas.cell_of(module),
        prod(first(input)[:-1]),
        module.input_size,
        module.hidden_size,
        layers=int(module.num_layers),
        bidirectional=bool(module.bidirectional),
        biased=bool(module.bias),
        projected=module.proj_size,
    )


@_rule(nn.RNNCell, nn.GRUCell, nn.LSTMCell)
def recurrent_cell(module: nn.RNNCellBase, input: Size, /) -> Ops:
    """[N, H] = cell([N, I], [N, H]): one step for each sample."""
    return recurrent.steps(
        tool_formulas.cell_of(module),
        input[0] if len(input) == 2 else 1,
        module.input_size,
        module.hidden_size,
        biased=bool(module.bias),
    )


@_rule("aten::_transformer_encoder_layer_fwd")
def encoder_layer(src: Size, embed_dim: int, num_heads: int, ffn_weight_1: Size) -> Ops:
    """[B, L, E] = encoder layer([B, L, E], [h, E]): attention, two linear layers, two norms.

    The norms have weights. Under the tool's hooks the layer does not run as one op.
    """
    linears, normed = tool_formulas.encoder_layer(src, wide=ffn_weight_1[0])
    batch, length = src[:2]
    attention = Ops(
        macs=batch * (4 * length * embed_dim * embed_dim + 2 * length * length * embed_dim)
    )
    return (
        linears
        + Ops(adds=2 * normed, muls=2 * normed)
        + attention
        + tool_formulas.softmax(batch * num_heads * length, length)
    )


_BY_A_METHOD_TOO = "mm addmm mv addmv dot vdot inner matrix_power cov corrcoef"
_UNSEEN = frozenset(
    (
        *called_as(of_torch=_BY_A_METHOD_TOO, methods=_BY_A_METHOD_TOO),
        *called_as(of_torch="tensordot chain_matmul _VF.tensordot _VF.chain_matmul"),
        *called_as(of_torch="linalg.matmul linalg.multi_dot linalg.matrix_power linalg.vecdot"),
        *called_as(of_torch="gru_cell lstm_cell rnn_tanh_cell rnn_relu_cell"),
    )
)
"""The functions that run the same ops as matmul, linear, bmm and einsum. The tool sees only those
four."""

ULTRALYTICS = Convention(
    "ultralytics",
    weights=EVERY_KIND,
    formulas=FORMULAS,
    sees="listed",
    matches="mro",
    unseen=_UNSEEN,
    mirrors="ultralytics-thop 2.2.3",
    exact=True,
    differs=(
        "torch.mm, torch.mv, torch.tensordot and the like that the code calls by a variable of its "
        "own: the tool does not see them",
        "multi_head_attention_forward outside of nn.MultiheadAttention: "
        "hookcount does not count its softmax",
        "an einsum that broadcasts, or that sums over no axis longer than 1: hookcount counts the "
        "products that run as one",
        "an einsum of three operands or more: the tool counts nothing, hookcount its products",
        "torch.vmap: the tool counts one sample, and hookcount sees all",
        "a compiled model: the tool counts a linear layer at its module, and again as a function",
        "a module that is not in the model's tree when the run begins: the tool counts the "
        "functions in it, hookcount the module",
        "a ScriptModule: the tool does not see its products, which hookcount counts as those of "
        "functions",
    ),
)

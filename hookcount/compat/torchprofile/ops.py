"""The formulas of torchprofile for the ops of a jit trace, where a composite op is one op."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from torch import Size, nn

from ...conventions.shared import traced_sizes
from ...conventions.shared.borrowed import EVERY_KIND, rule_of
from ...conventions.torchprofile import TORCHPROFILE
from ...core.ops import NOTHING, Ops
from ...rules.convention import Convention
from ...rules.registry import Registry
from ..jit.names import aten

FORMULAS = Registry(name="the formulas of torchprofile for whole ops", home=f"{__name__}:FORMULAS")
_rule = rule_of(FORMULAS)


def _per_output(macs: int = 1) -> Callable[[Size], Ops]:
    """A formula: so many MACs per output element. The weight of MACs counts integers too."""

    def formula(out: Size) -> Ops:
        return Ops(macs=macs * prod(out))

    return formula


for _name in (
    *("mul", "mul_", "mean", "leaky_relu"),
    *(f"{pool}{axes}d" for pool in ("avg_pool", "adaptive_avg_pool") for axes in "123"),
):
    FORMULAS.register(f"aten::{_name}", _per_output())
FORMULAS.register("aten::upsample_bilinear2d", _per_output(4))


@_rule("aten::linear", "aten::matmul", "aten::bmm")
def product(left: Size, *, out: Size) -> Ops:
    """[*, n] = [*, k] x [k, n]: a dot product of length k per output; no bias."""
    return Ops(macs=prod(out) * left[-1])


@_rule("aten::addmm", "aten::addmv", "aten::baddbmm")
def added_product(added: Size, left: Size, *, out: Size) -> Ops:
    """[*, n] = [*, n] + [*, k] x [k, n]: a dot product of length k per output; no sum."""
    return Ops(macs=prod(out) * left[-1])


@_rule("aten::convolution")
def convolution(weight: Size, *, out: Size) -> Ops:
    """[b, n, *] = convolution([b, c, *], [n, c / groups, *]).

    Output elements times input channels of a group times kernel positions. To torchprofile, a
    convolution is transposed if its output channels differ from the first axis of its weight. A
    transposed one counts all input channels, not those of a group. With as many input as output
    channels, it counts as a plain one.
    """
    plain = out[1] == weight[0]
    return Ops(macs=prod(out) * weight[1 if plain else 0] * prod(weight[2:]))


@_rule("aten::batch_norm", "aten::instance_norm", "aten::layer_norm", "aten::group_norm")
def norm(weight: Size | None, *, out: Size) -> Ops:
    """[*] = norm([*], weight): 1 per output element with a weight, else nothing."""
    return NOTHING if weight is None else Ops(muls=prod(out))


@_rule("aten::grid_sampler")
def grid_sampler(interpolation_mode: int, *, out: Size) -> Ops:
    """[b, c, *out] = grid_sampler([b, c, *in], [b, *out, axes], mode).

    4 per output element for bilinear (0), 16 for bicubic (2), nothing for nearest (1).
    """
    return Ops(muls={1: 0, 2: 16}.get(interpolation_mode, 4) * prod(out))


@_rule("aten::einsum")
def einsum(equation: str, tensors: Sequence[Size]) -> Ops:
    """out = einsum(equation, tensors): the product of the sizes of all labels.

    All operands are multiplied at once. An equation with an ellipsis counts nothing.
    """
    if "..." in equation:
        return NOTHING
    terms = equation.partition("->")[0].replace(" ", "").split(",")
    sizes = {
        label: size
        for term, shape in zip(terms, tensors, strict=True)
        for label, size in zip(term, shape, strict=True)
    }
    return Ops(macs=prod(sizes.values()))


@_rule("aten::scaled_dot_product_attention")
def attention(query: Size, key: Size, value: Size) -> Ops:
    """[*, q, e] = attention([*, q, d], [*, k, d], [*, k, e]).

    Two products over the full square of q and k, for each head of the query.
    """
    return Ops(macs=prod(query[:-1]) * key[-2] * (query[-1] + value[-1]))


@_rule("aten::lstm")
def lstm(input: Size, *, out: tuple[Size, Size, Size]) -> Ops:
    """[s, b, directions * h], h_n, c_n = lstm([s, b, k], ...).

    Four gates of two products per step, direction and layer. As in torchprofile, the width of a
    projection counts as the hidden width. For packed sequences, [elements, k], the features of the
    output count as steps.
    """
    result, (passes, *_, hidden) = out[0], out[1]
    directions = result[-1] // hidden
    layers = passes // directions
    inputs = input[-1] + (layers - 1) * hidden * directions
    return Ops(macs=result[0] * result[1] * directions * 4 * hidden * (inputs + layers * hidden))


@_rule("aten::split")
def equal_parts() -> Ops:
    """[*, size], ... = split([*, n], size): torchprofile lists this op with no MACs."""
    return NOTHING


FORMULAS.register("aten::split.sizes", traced_sizes.packed_projections)


@FORMULAS.register(nn.MultiheadAttention, covers="nothing")
def products_of_sizes(module: nn.MultiheadAttention, key_padding_mask: Size | None) -> Ops:
    """[b, q, e], weights = attention(query, key, value, key_padding_mask).

    The products of sizes in its forward, as in ``traced_sizes``, if the module did not run as one
    op. A real run shows whether it did: see ``FUSED``.
    """
    return Ops(muls=4 + (key_padding_mask is not None) + bool(module.add_zero_attn))


FUSED = "aten::_native_multi_head_attention"
"""The op that ``nn.MultiheadAttention`` may run as. Its products of sizes then do not exist."""

LAYERS = FORMULAS.over(traced_sizes.FORMULAS, home=f"{__name__}:LAYERS")
WHOLE = Convention(
    "torchprofile, ops whole",
    weights=EVERY_KIND,
    formulas=LAYERS,
    sees="listed",
    mirrors=TORCHPROFILE.mirrors,
)

_ARITHMETIC = aten(
    "abs add add_ clamp cos div div_ eq floor floor_divide ge gt le log2 lt max ne neg pow "
    "reciprocal rsqrt rsub sign sin sqrt sub sum fft_fft"
)
_ACTIVATIONS = aten(
    "gelu hardtanh hardtanh_ log_softmax relu relu_ sigmoid silu softmax softshrink tanh threshold"
)
_POOLS = aten(
    "adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d max_pool1d max_pool2d max_pool3d "
    "max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices "
    "max_unpool1d max_unpool2d max_unpool3d"
)
_DROPOUTS = aten("alpha_dropout dropout dropout_ feature_dropout")
_COPIES = aten(
    "chunk contiguous embedding expand flatten imag real reflection_pad1d reflection_pad2d "
    "reflection_pad3d replication_pad1d replication_pad2d replication_pad3d reshape to unflatten "
    "upsample_nearest2d view"
)
"""Composite views and copies, and gathers. No registry lists them as free."""

PASSED_OVER = _ARITHMETIC | _ACTIVATIONS | _POOLS | _DROPOUTS | _COPIES
"""The ops for which torchprofile has a handler that counts nothing."""

"""What torchprofile counts of each op of a jit trace, where ops that are made of others are whole; and what it knows as free."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from torch import Size, nn

from ...conventions.shared import traced_sizes
from ...conventions.shared.borrowed import EVERY_KIND, rule_of
from ...conventions.torchprofile import TORCHPROFILE
from ...core.ops import NOTHING, Ops
from ...rules.convention import Convention
from ...rules.registry import Registry

FORMULAS = Registry(name="the formulas of torchprofile for whole ops")
_rule = rule_of(FORMULAS)


def _per_output(times: int = 1) -> Any:
    def formula(*args: Any, out: Size, **kwargs: Any) -> Ops:
        return Ops(macs=times * prod(out))  # of integers too, of which nothing but MACs would count

    return formula


for _name in ("mul", "mul_", "multiply", "multiply_", "mean", "leaky_relu"):
    FORMULAS.register(f"aten::{_name}", _per_output())
for _axes in "123":
    FORMULAS.register(f"aten::avg_pool{_axes}d", _per_output())
    FORMULAS.register(f"aten::adaptive_avg_pool{_axes}d", _per_output())
FORMULAS.register("aten::upsample_bilinear2d", _per_output(4))


@_rule("aten::linear", "aten::matmul")
def product(self: Size, other: Size, bias: Any = None, *, out: Size) -> Ops:
    """[*, n] = [*, k] x [k, n]: a dot product of length k per output; no bias."""
    return Ops(macs=prod(out) * self[-1])


@_rule("aten::bmm")
def bmm(self: Size, other: Size, *, out: Size) -> Ops:
    """[b, m, n] = [b, m, k] x [b, k, n]."""
    return Ops(macs=prod(out) * self[-1])


@_rule("aten::addmm", "aten::addmv", "aten::baddbmm")
def added_product(self: Size, one: Size, other: Size, *rest: Any, out: Size, **kw: Any) -> Ops:
    """[*, n] = [*, n] + [*, k] x [k, n]: the product alone, also where ``self`` is repeated."""
    return Ops(macs=prod(out) * one[-1])


@_rule("aten::convolution")
def convolution(input: Size, weight: Size, *rest: Any, out: Size, **kw: Any) -> Ops:
    """Outputs times input channels of a group times kernel positions. A transposed one is told by its channels: where it has as
    many of them in as out, it is taken for a plain one, and its groups are.
    """
    plain = out[1] == weight[0]
    return Ops(macs=prod(out) * weight[1 if plain else 0] * prod(weight[2:]))


@_rule("aten::batch_norm", "aten::instance_norm")
def norm_over_a_batch(input: Size, weight: Any = None, *rest: Any, out: Size, **kw: Any) -> Ops:
    """1 per output with a weight, else nothing."""
    return NOTHING if weight is None else Ops(muls=prod(out))


@_rule("aten::layer_norm", "aten::group_norm")
def norm_of_one(
    input: Size, over: Any, weight: Any = None, *rest: Any, out: Size, **kw: Any
) -> Ops:
    """1 per output with a weight, else nothing."""
    return NOTHING if weight is None else Ops(muls=prod(out))


@_rule("aten::grid_sampler")
def grid_sampler(input: Size, grid: Size, mode: int, *rest: Any, out: Size, **kw: Any) -> Ops:
    """4 per output, 16 where it is bicubic, nothing where it is the nearest."""
    return Ops(muls={1: 0, 2: 16}.get(mode, 4) * prod(out))


@_rule("aten::einsum")
def einsum(equation: str, tensors: Sequence[Size], *rest: Any, out: Size, **kw: Any) -> Ops:
    """The sizes of all labels, multiplied: all operands at once. Nothing with an ellipsis."""
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
def attention(query: Size, key: Size, value: Size, *rest: Any, out: Size, **kw: Any) -> Ops:
    """[*, q, e] = attention([*, q, d], [*, k, d], [*, k, e]): two products over the full square, for each head of the query."""
    return Ops(macs=prod(query[:-1]) * key[-2] * (query[-1] + value[-1]))


@_rule("aten::lstm")
def lstm(input: Size, *rest: Any, out: tuple[Size, Size, Size], **kw: Any) -> Ops:
    """Four gates of two products per step, direction and layer; a projection's width is taken for the hidden one. Of packed
    sequences the features of an output are taken for steps.
    """
    result, (passes, *_, hidden) = out[0], out[1]
    directions = result[-1] // hidden
    layers = passes // directions
    inputs = input[-1] + (layers - 1) * hidden * directions
    return Ops(macs=result[0] * result[1] * directions * 4 * hidden * (inputs + layers * hidden))


@_rule("aten::split")
def packed_projections(self: Size, split_size: Any, *rest: Any, out: Any, **kw: Any) -> Ops:
    """A product of sizes, where multi-head attention does it."""
    return (
        NOTHING
        if isinstance(split_size, int)
        else traced_sizes.packed_projections(self, split_size)
    )


@FORMULAS.register(nn.MultiheadAttention, covers="nothing")
def products_of_sizes(
    module: Any,
    query: Size,
    key: Size,
    value: Size,
    key_padding_mask: Any = None,
    *rest: Any,
    **kw: Any,
) -> Ops:
    """As ``traced_sizes`` has them, wherever it did not run as one op, which a real run shows: see ``FUSED``."""
    return Ops(muls=4 + (key_padding_mask is not None) + bool(module.add_zero_attn))


FUSED = "aten::_native_multi_head_attention"

WHOLE = Convention(
    "torchprofile, ops whole",
    weights=EVERY_KIND,
    formulas=FORMULAS.over(traced_sizes.FORMULAS),
    sees="listed",
    mirrors=TORCHPROFILE.mirrors,
)

PASSED_OVER = frozenset(
    f"aten::{name}"
    for name in (
        # arithmetic and comparisons
        *(
            "abs",
            "add",
            "add_",
            "clamp",
            "cos",
            "div",
            "div_",
            "eq",
            "floor",
            "floor_divide",
            "ge",
            "gt",
            "le",
            "log2",
            "lt",
        ),
        *(
            "max",
            "ne",
            "neg",
            "pow",
            "reciprocal",
            "rsqrt",
            "rsub",
            "sign",
            "sin",
            "sqrt",
            "sub",
            "sum",
        ),
        # activations and pools
        *(
            "gelu",
            "hardtanh",
            "hardtanh_",
            "log_softmax",
            "relu",
            "relu_",
            "sigmoid",
            "silu",
            "softmax",
            "softshrink",
            "tanh",
        ),
        *(
            "threshold",
            *(f"adaptive_max_pool{axes}d" for axes in "123"),
            *(f"max_unpool{axes}d" for axes in "123"),
        ),
        *(f"max_pool{axes}d{more}" for axes in "123" for more in ("", "_with_indices")),
        # dropouts, a transform
        *("alpha_dropout", "dropout", "dropout_", "feature_dropout", "fft_fft"),
        # views, copies and gathers that are made of others, which no registry says to be free
        *(
            "chunk",
            "contiguous",
            "expand",
            "flatten",
            "imag",
            "real",
            "reshape",
            "to",
            "unflatten",
            "view",
        ),
        *(f"{kind}_pad{axes}d" for kind in ("reflection", "replication") for axes in "123"),
        *("embedding", "upsample_nearest2d"),
    )
)
"""Ops that torchprofile knows and counts nothing for."""

"""``ptflops.get_model_complexity_info`` with its default backend, "pytorch".

The tool puts hooks on modules of exactly the classes that it lists. A hooked module stands for the
modules beneath it. The tool also replaces functions of torch: see ``shared/ptflops_functions.py``.
A module that calls such a function counts twice (``nn.GELU``). The counts of hooks are divided by
the length of the model's first input. Those of functions are not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Protocol, TypeVar

from torch import Size, nn

from ..core.ops import NOTHING, Ops
from ..formulas.arithmetic import Outputs
from ..rules.convention import Convention
from ..rules.registry import Formula, Registry, Target
from .shared import ptflops_functions, ptflops_modules
from .shared.borrowed import EVERY_KIND
from .shared.tool_formulas import Convolution, per_unit, steps_of

F = TypeVar("F", bound=Formula)

FORMULAS = Registry(name="the formulas of ptflops' pytorch backend", home=f"{__name__}:FORMULAS")


def _hook(*classes: Target) -> Callable[[F], F]:
    """Register a formula for modules of these classes."""

    def put(formula: F) -> F:
        for each in classes:
            FORMULAS.register(each, formula, covers="modules")
        return formula

    return put


def _convolution(module: Convolution, batch: int, positions: Sequence[int], out: Size) -> Ops:
    """All pairs of channels at each position, and 1 per output for a bias."""
    macs = ptflops_modules.windows(module, batch, positions)
    return Ops(macs=macs, adds=0 if module.bias is None else batch * prod(out[1:]))


@_hook(*ptflops_modules.CONVOLUTIONS)
def convolution(module: Convolution, input: Size, /, out: Size) -> Ops:
    """[N, Co, *O] = conv([N, Ci, *I]): Ci * (Co // g) * prod(K) per output position, and a bias."""
    return _convolution(module, input[0], out[2:], out)


@_hook(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
def transposed_convolution(module: Convolution, input: Size, /, out: Size) -> Ops:
    """[N, Co, *O] = convT([N, Ci, *I]): Ci * (Co // g) * prod(K) per input position, and a bias."""
    return _convolution(module, input[0], input[2:], out)


@_hook("torchvision.ops.deform_conv.DeformConv2d")
def deformable_convolution(
    module: Convolution, input: Size, offset: Size, mask: Size | None = None, /, *, out: Size
) -> Ops:
    """[N, Co, *O] = deform conv([N, Ci, *I]): as a convolution, and 24 per element of a window.

    That is one window per position, over all channels together. With a mask it costs 25.
    """
    windows = input[0] * prod(out[2:]) * prod(module.kernel_size)
    sampled = Ops(specials=(24 + (mask is not None)) * windows)
    return _convolution(module, input[0], out[2:], out) + sampled


@_hook(nn.Linear)
def linear(module: nn.Linear, input: Size, /, out: Size) -> Ops:
    """[*, n] = linear([*, k]): k * n per row, and n for a bias."""
    rows = prod(input[:-1])
    return Ops(macs=rows * input[-1] * out[-1], adds=0 if module.bias is None else rows * out[-1])


_ACTIVATIONS = (*ptflops_modules.ACTIVATIONS, nn.GELU)
_hook(*_ACTIVATIONS)(ptflops_modules.activation)
_hook(*ptflops_modules.POOLS)(ptflops_modules.pool)
_hook(nn.Upsample)(ptflops_modules.upsample)


@_hook(*ptflops_modules.NORMS)
def norm(module: nn.Module, input: Size, /) -> Ops:
    """[*] = norm([*]): 1 per element, and 1 with weights. A layer norm costs 1 with weights too."""
    return ptflops_modules.norm(input, getattr(module, "affine", False))


def _step(module: nn.RNNBase | nn.RNNCellBase, ending: str) -> Ops:
    """One step of one layer: its products, its biases, and 1, 7 or 10 per hidden unit."""
    weights = [getattr(module, f"{name}{ending}") for name in ("weight_ih", "weight_hh")]
    macs = sum(prod(each.shape) for each in weights)
    biases = sum(each.shape[0] for each in weights) if module.bias else 0
    return Ops(macs=macs, adds=biases, muls=per_unit(module) * module.hidden_size)


@_hook(nn.RNN, nn.GRU, nn.LSTM)
def recurrent_layers(module: nn.RNNBase, input: Outputs, /) -> Ops:
    """[T, N, D * H] = all layers in all directions of [T, N, I].

    The second direction counts as much as the first.
    """
    steps = steps_of(input)
    layers = (_step(module, f"_l{layer}") for layer in range(module.num_layers))
    return sum(layers, NOTHING) * (steps * (1 + bool(module.bidirectional)))


@_hook(nn.RNNCell, nn.GRUCell, nn.LSTMCell)
def recurrent_cell(module: nn.RNNCellBase, input: Size, /) -> Ops:
    """[N, H] = cell([N, I], [N, H]): one step for each sample."""
    return _step(module, "") * input[0]


def _heads(batch: int, heads: int, queries: int, keys: int, depth: int) -> Ops:
    """Scores, their softmax and the weighted sum; ``depth`` is that of a query and a value."""
    rows = batch * heads * queries * keys
    return Ops(macs=rows * depth, specials=rows)


@_hook(nn.MultiheadAttention)
def multihead_attention(
    module: nn.MultiheadAttention, query: Size, key: Size, value: Size, /
) -> Ops:
    """[B, L, E] = attention([B, L, E], [B, S, Ek], [B, S, Ev]): see ``_attention``.

    The tool raises without a batch. hookcount counts one sample there.
    """
    if len(query) == 2:
        batch, at = 1, 0
    else:
        batch, at = (query[0], 1) if module.batch_first else (query[1], 0)
    (queries, wide), (keys, keys_wide), (values, values_wide) = (
        (each[at], each[-1]) for each in (query, key, value)
    )
    return _attention(
        batch,
        module.num_heads,
        (queries, keys, values),
        (wide, keys_wide, values_wide),
        module.in_proj_bias is not None,
    )


def _attention(
    batch: int,
    heads: int,
    lengths: tuple[int, int, int],
    widths: tuple[int, int, int],
    biased: bool,
) -> Ops:
    """Four projections, the scale of the query, and the heads.

    The projections of keys and values are taken to be square. The last one has a bias.
    """
    queries, wide, out_wide = lengths[0], widths[0], widths[2]
    macs = sum(length * each * each for length, each in zip(lengths, widths, strict=True))
    macs += queries * out_wide * out_wide
    adds = queries * out_wide + (sum(lengths) * wide if biased else 0)
    projected = Ops(macs=batch * macs, adds=batch * adds, muls=batch * queries * wide)
    depth = wide // heads + out_wide // heads
    return projected + _heads(batch, heads, queries, lengths[1], depth)


class _TimmAttention(Protocol):
    num_heads: int
    head_dim: int


@_hook("timm.layers.attention.Attention", "timm.models.vision_transformer.Attention")
def timm_attention(module: _TimmAttention, input: Size, /) -> Ops:
    """[B, L, E] = attention of timm([B, L, E]): the scale of the query and the heads.

    The linear layers in it do not count, since the hooked module stands for them.
    """
    batch, length, _ = input
    scale = Ops(muls=batch * length * module.head_dim * module.num_heads)
    return scale + _heads(batch, module.num_heads, length, length, 2 * module.head_dim)


def encoder_layer(layer: nn.TransformerEncoderLayer, shape: Size) -> Ops:
    """[B, L, E] = encoder layer([B, L, E]): attention, two linear layers, two norms."""
    attend = layer.self_attn
    batch, length, width = shape if attend.batch_first else (shape[1], shape[0], shape[2])
    total = _attention(
        batch,
        attend.num_heads,
        (length, length, length),
        (width, width, width),
        attend.in_proj_bias is not None,
    )
    return total + ptflops_modules.feed_forward(layer, shape, linear, norm, _ACTIVATIONS)


FORMULAS.register(
    nn.TransformerEncoderLayer,
    ptflops_modules.FusedEncoderLayer(encoder_layer),
    covers="nothing",
)

LAYERS = FORMULAS.over(ptflops_functions.FORMULAS, home=f"{__name__}:LAYERS")
PTFLOPS_PYTORCH = Convention(
    "ptflops-pytorch",
    weights=EVERY_KIND,
    formulas=LAYERS,
    sees="listed",
    matches="type",
    replaced=ptflops_functions.FUNCTIONS,
    per_sample=True,
    mirrors="ptflops 0.7.5, its default backend",
    exact=True,
    differs=(
        "a module with two places in the tree: the tool adds all its calls at each of them",
        "several positional arguments: the tool can only pass them by name, and takes them for one "
        "sample; hookcount divides by the length of the first",
        "a module under vmap: the tool counts one example, hookcount does not count the module",
        "a model on the meta device: torch finds shapes by functions that the tool counts too",
        "F.interpolate with recompute_scale_factor, or by area with a scale that is no whole "
        "number: the tool multiplies by the scale, hookcount counts the elements of the output",
        "an encoder layer with a module as its activation that ran as one op: the tool counts that "
        "module once more for the function that it calls",
    ),
)

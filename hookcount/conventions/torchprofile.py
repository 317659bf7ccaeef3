"""``torchprofile.profile_macs``: products, attention and convolutions, and 1 per output element of norms, products and means.

It reads the graph of a jit trace, which keeps attention, norms and pools whole; the figures here are of the ops that they run as.
The graph has arithmetic on sizes in it too: see ``traced_sizes.py``.
"""

from __future__ import annotations

from math import prod
from typing import Any

from torch import Size, nn

from ..core.ops import NOTHING, Ops
from ..core.trace import Call
from ..rules.binding import CallFormula
from ..rules.convention import Convention
from ..rules.registry import FREE, Registry
from .shared import tool_formulas as cells
from .shared import traced_sizes
from .shared.borrowed import EVERY_KIND, contractions, rule_of

FORMULAS = Registry(name="the formulas of torchprofile")
_rule = rule_of(FORMULAS)

contractions(
    FORMULAS,
    (
        nn.Linear,
        *(f"aten::{name}" for name in ("mm", "addmm", "bmm", "baddbmm", "mv", "addmv", "dot")),
        *(
            f"aten::_scaled_dot_product_{name}_attention"
            for name in ("efficient", "flash", "cudnn")
        ),
        "aten::_scaled_dot_product_flash_attention_for_cpu",
    ),
)

_NOT_KNOWN_TO_IT = (
    *(
        nn.RNN,
        nn.GRU,
        nn.Dropout,
        nn.Dropout1d,
        nn.Dropout2d,
        nn.Dropout3d,
        nn.AlphaDropout,
        nn.FeatureAlphaDropout,
    ),
    *("aten::addmm_", "aten::baddbmm_", "aten::addmv_", "aten::leaky_relu_"),
    "aten::mul.Scalar",  # no code in Python runs it: it is the scale of an attention that is taken apart
)
for _target in _NOT_KNOWN_TO_IT:
    FORMULAS.register(_target, FREE)


@_rule("aten::convolution", "aten::_convolution")
def convolution(weight: Size, out: Size) -> Ops:
    """Outputs times kernel positions times the weight's second size, or its first where the second axis of the output is not as
    long as that: so all input channels of a transposed one, of each group.
    """
    channels = weight[1] if out[1] == weight[0] else weight[0]
    return Ops(macs=prod(out) * channels * prod(weight[2:]))


_rule(nn.Conv1d, nn.Conv2d, nn.Conv3d)(cells.traced_convolution)


@_rule(
    "aten::native_batch_norm",
    "aten::_native_batch_norm_legit_no_training",
    "aten::cudnn_batch_norm",
)
def batch_norm(input: Size, weight: Any) -> Ops:
    """1 per element with a weight, else nothing."""
    return Ops(muls=prod(input)) if weight is not None else NOTHING


@_rule("aten::native_group_norm")
def group_norm(input: Size, weight: Any) -> Ops:
    """1 per element with a weight, else nothing."""
    return Ops(muls=prod(input)) if weight is not None else NOTHING


@_rule("aten::native_layer_norm")
def layer_norm(input: Size, weight: Any) -> Ops:
    """1 per element with a weight, else nothing."""
    return Ops(muls=prod(input)) if weight is not None else NOTHING


class Elementwise(CallFormula):
    """1 per output element, in any dtype: positions and strides too."""

    def __call__(self, path: str, call: Call) -> Ops:
        return Ops(muls=prod(call.out.shape))


_rule("aten::mul", "aten::leaky_relu")(Elementwise())


@_rule(
    "aten::mean",
    *(
        f"aten::{name}"
        for name in ("avg_pool2d", "avg_pool3d", "_adaptive_avg_pool2d", "_adaptive_avg_pool3d")
    ),
)
def mean(out: Size) -> Ops:
    """1 per output element, however many it is the mean of."""
    return Ops(specials=prod(out))


@_rule("aten::upsample_bilinear2d")
def bilinear(out: Size) -> Ops:
    """4 per output element."""
    return Ops(muls=4 * prod(out))


@_rule("aten::grid_sampler_2d", "aten::grid_sampler_3d")
def grid_sampler(interpolation_mode: int, out: Size) -> Ops:
    """4 per output element, also in three dimensions; 16 of a bicubic one, nothing of the nearest."""
    return Ops(muls=(4, 0, 16)[interpolation_mode] * prod(out))


@_rule(nn.LSTM)
def lstm(module: Any, out: Any) -> Ops:
    """Per step, layer and direction four gates' products with the input and the state, taken to be as wide as the output.

    Of packed sequences the features of the output count as steps too.
    """
    output, (state, _) = out
    hidden = state[-1]
    steps = prod(output[:-1]) if isinstance(output, Size) else prod(output[0])
    directions = 2 if module.bidirectional else 1
    gates = module.input_size + hidden + (module.num_layers - 1) * (directions + 1) * hidden
    return Ops(macs=steps * directions * 4 * hidden * gates)


_UNSEEN = """
    mm mv dot inner outer ger vdot tensordot chain_matmul rms_norm cosine_similarity pairwise_distance dropout alpha_dropout
    feature_alpha_dropout"""
_UNSEEN_BY_NAME = frozenset(
    f"{where}.{name}"
    for where in ("torch", "torch.nn.functional", "torch._VF", "")
    for name in _UNSEEN.split()
) | {"torch.linalg.multi_dot", "torch.linalg.vecdot"}

TORCHPROFILE = Convention(
    "torchprofile",
    weights=EVERY_KIND,
    formulas=FORMULAS.over(traced_sizes.FORMULAS),
    sees="listed",
    unseen=_UNSEEN_BY_NAME,
    mirrors="torchprofile 0.1.0",
    exact=True,
    differs=(
        "arithmetic on sizes: the tool counts 1 for each product of two sizes that a forward computes; here those of the layers "
        "of torch and torchvision are known, not those of other code, nor of multi-head attention that gradients alone keep from "
        "its one op",
        "what reaches no output of the model is not in the tool's graph: the mean of attention weights that nobody takes",
        "what runs in a scripted function is not in the tool's graph: the offsets of torchvision's batched_nms",
        "code that asks whether it is traced and then does something else",
        "einsum: the tool multiplies all sizes of the equation, and counts nothing for one with an ellipsis; here the products "
        "that it runs as count",
        "a functional convolution with padding='same': the tool does not know it; here it counts",
        "attention with dropout in training: its mask counts here, 1 per weight",
        "the fused attention of a real run in eval mode, and grouped queries: the tool stops; here the first counts nothing",
    ),
)

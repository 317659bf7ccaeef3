"""``torchprofile.profile_macs``: products, attention and convolutions, norms and means.

Norms, products of two tensors and means cost 1 per output element. The tool reads the graph of a
jit trace, which keeps attention, norms and pools whole. The formulas here are for the ops as which
these run. The graph also has arithmetic on sizes: see ``shared/traced_sizes.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Size, nn

from ..core.ops import NOTHING, Ops
from ..core.trace import Call
from ..formulas import recurrent
from ..rules.binding import CallFormula
from ..rules.convention import Convention
from ..rules.registry import FREE, Registry, Target
from .shared import tool_formulas, traced_sizes
from .shared.borrowed import EVERY_KIND, FUSED_ATTENTION, aten, contractions, rule_of

FORMULAS = Registry(name="the formulas of torchprofile", home=f"{__name__}:FORMULAS")
_rule = rule_of(FORMULAS)

contractions(FORMULAS, (nn.Linear, *aten("mm addmm bmm baddbmm mv addmv dot"), *FUSED_ATTENTION))

_NOT_PRICED_BY_IT: tuple[Target, ...] = (
    *(nn.RNN, nn.GRU),
    *(nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d),
    *(nn.AlphaDropout, nn.FeatureAlphaDropout),
    *aten("leaky_relu_"),
    # No code in Python runs it: it is the scale of attention that runs in parts.
    "aten::mul.Scalar",
)
for _target in _NOT_PRICED_BY_IT:
    FORMULAS.register(_target, FREE)


@_rule("aten::convolution", "aten::_convolution")
def convolution(weight: Size, out: Size) -> Ops:
    """[N, Co, *O] = conv([N, Ci, *I], weight): prod(K) times input channels, per output.

    The input channels are the weight's second size if the output has as many channels as the
    weight's first. Otherwise they are the weight's first size. A transposed convolution thus
    counts all input channels of every group.
    """
    channels = weight[1] if out[1] == weight[0] else weight[0]
    return Ops(macs=prod(out) * channels * prod(weight[2:]))


_rule(nn.Conv1d, nn.Conv2d, nn.Conv3d)(tool_formulas.traced_convolution)


@_rule(
    *aten("native_batch_norm _native_batch_norm_legit_no_training cudnn_batch_norm"),
    *aten("native_group_norm native_layer_norm"),
)
def norm(input: Size, weight: Size | None) -> Ops:
    """[*] = norm([*]): 1 per element with a weight, nothing without one."""
    return Ops(muls=prod(input)) if weight is not None else NOTHING


class Elementwise(CallFormula):
    """[*] = op([*], ...): 1 per output element of any dtype, also of positions and strides."""

    def __call__(self, path: str, call: Call) -> Ops:
        return Ops(muls=prod(call.out.shape))


_rule("aten::mul", "aten::leaky_relu")(Elementwise())


@_rule(*aten("mean avg_pool2d avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d"))
def mean(out: Size) -> Ops:
    """[*] = mean([*, n]): 1 per output element, whatever n is."""
    return Ops(specials=prod(out))


@_rule("aten::upsample_bilinear2d")
def bilinear(out: Size) -> Ops:
    """[N, C, *O] = upsample([N, C, *I]): 4 per output element."""
    return Ops(muls=4 * prod(out))


@_rule("aten::grid_sampler_2d", "aten::grid_sampler_3d")
def grid_sampler(interpolation_mode: int, out: Size) -> Ops:
    """[N, C, *O] = grid sample([N, C, *I]): 4 per output element, also in three dimensions.

    Bicubic interpolation costs 16 per output element, nearest nothing.
    """
    return Ops(muls=(4, 0, 16)[interpolation_mode] * prod(out))


@_rule(nn.LSTM)
def lstm(module: nn.LSTM, out: tuple[Size | Sequence[Size], tuple[Size, Size]]) -> Ops:
    """[T, N, D * H] = all layers in all directions of [T, N, I]: the products of four gates.

    The state is taken to be as wide as the output. Of packed sequences the tool counts the
    features of the output as steps too.
    """
    output, (state, _) = out
    return recurrent.stack(
        recurrent.Cell(4, NOTHING),
        prod(output[:-1]) if isinstance(output, Size) else prod(output[0]),
        module.input_size,
        state[-1],
        layers=module.num_layers,
        bidirectional=module.bidirectional,
        biased=False,
    )


_UNSEEN = """
    mm mv dot inner outer ger vdot tensordot chain_matmul rms_norm cosine_similarity
    pairwise_distance dropout alpha_dropout feature_alpha_dropout"""
_UNSEEN_BY_NAME = frozenset(
    f"{where}.{name}"
    for where in ("torch", "torch.nn.functional", "torch._VF", "")
    for name in _UNSEEN.split()
) | {"torch.linalg.multi_dot", "torch.linalg.vecdot"}

LAYERS = FORMULAS.over(traced_sizes.FORMULAS, home=f"{__name__}:LAYERS")
TORCHPROFILE = Convention(
    "torchprofile",
    weights=EVERY_KIND,
    formulas=LAYERS,
    sees="listed",
    unseen=_UNSEEN_BY_NAME,
    mirrors="torchprofile 0.1.0",
    exact=True,
    differs=(
        "arithmetic on sizes: the tool counts 1 for each product of two sizes that a forward "
        "computes. hookcount has these products for the layers of torch and torchvision only. It "
        "lacks those of multi-head attention that only gradients keep from running as one op.",
        "work that reaches no output of the model is not in the tool's graph: "
        "the mean of attention weights that the code does not use",
        "work in a scripted function or an autograd.Function is not in the tool's graph: "
        "the offsets of torchvision's batched_nms",
        "code that checks whether it is traced: the tool counts the path of a trace, "
        "hookcount the usual one",
        "einsum: the tool multiplies all sizes of the equation, and counts nothing for an "
        "equation with an ellipsis; hookcount counts the products that run",
        "a functional convolution with padding='same': the tool does not price it, hookcount does",
        "attention with dropout in training: hookcount counts its mask, 1 per weight",
        "attention of two axes, without a batch: the tool counts it once per query",
        "the fused attention of a real run in eval mode, and grouped queries: the tool raises; "
        "hookcount counts nothing for the first",
    ),
)

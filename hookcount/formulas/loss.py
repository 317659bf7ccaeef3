"""Losses: some operations per element or per sample, and the reduction.

In the equations x is the input and y the target. The ``reduction`` of an op is 0 for "none", 1 for
"mean", 2 for "sum". An ignored class and a weight of 0 are counted like any other.
"""

from __future__ import annotations

from math import prod

from torch import Size, Tensor, nn

from ..core.ops import NOTHING, Ops
from .builtin import formula, observed
from .elementwise import FIGURES
from .parametric import factors
from .reduction import average, total

REDUCTIONS = {"none": 0, "mean": 1, "batchmean": 2, "sum": 2}
"""By the ``reduction`` of a module, the number that its op takes."""
MSE = Ops(adds=1, muls=1)
"""(x - y)^2."""
L1 = Ops(adds=1, compares=1)
"""|x - y|."""
HUBER = Ops(adds=1, muls=2, compares=2)
"""d = |x - y|; d <= delta ? 0.5 d d : delta (d - 0.5 delta).

A subtraction, an abs, a test, and the 2 muls of the first branch.
"""
SOFT_MARGIN = Ops(adds=1, muls=1, specials=2)
"""log1p(exp(-x y))."""


def reduced(reduction: int, n: int) -> Ops:
    """[n] or [] = reduced([n]): unchanged, the mean or the sum.

    A sum takes n - 1 adds. A mean takes one division more.
    """
    return (NOTHING, average(1, n), total(1, n))[reduction] if n else NOTHING


def smooth_l1_figure(beta: float) -> Ops:
    """d = |x - y|; d < beta ? 0.5 d d / beta : d - 0.5 beta, per element.

    As for Huber, and a division if beta is not 1. With beta 0 it is |x - y|.
    """
    return L1 if beta == 0 else HUBER + Ops(specials=factors(beta))


def bce_figure(weight: Size | None) -> Ops:
    """w ((y - 1) max(log(1 - x), -100) - y max(log(x), -100)), per element.

    3 subtractions, 2 muls, 2 compares, 2 logs, and a mul if there is a weight w.
    """
    return Ops(adds=3, muls=2 + (weight is not None), compares=2, specials=2)


def bce_with_logits_figure(weight: Size | None, pos_weight: Size | None) -> Ops:
    """w ((1 - y) x - v log_sigmoid(x)), v = (pos_weight - 1) y + 1, per element.

    A log_sigmoid, 2 adds, a mul, and a mul if there is a weight w. With ``pos_weight`` also 2 adds
    and 2 muls: one mul makes v, the other multiplies by v.
    """
    positive = Ops(adds=2, muls=2) if pos_weight is not None else NOTHING
    return FIGURES["log_sigmoid_forward"][0] + Ops(adds=2, muls=1 + (weight is not None)) + positive


def kl_div_figure(log_target: bool) -> Ops:
    """xlogy(y, y) - y x, or exp(y) (y - x) with ``log_target``, per element."""
    return (
        Ops(adds=1, muls=1, specials=1) if log_target else FIGURES["xlogy"][0] + Ops(adds=1, muls=1)
    )


def nll(samples: int, weight: Size | None, reduction: int) -> Ops:
    """[samples] or [] = -w x[class], reduced.

    Per sample a negation, and a mul if classes have weights. A weighted mean also adds up the
    weights, to divide by their sum.
    """
    ops = Ops(adds=1, muls=int(weight is not None)) * samples + reduced(reduction, samples)
    return ops + total(1, samples) if weight is not None and reduction == 1 else ops


def _shape(weight: Tensor | None) -> Size | None:
    """The shape of a module's weight, None if it has none."""
    return None if weight is None else weight.shape


def joint(x: Size, y: Size) -> int:
    """The number of elements of two tensors after broadcasting."""
    length = max(len(x), len(y))
    pairs = zip((1,) * (length - len(x)) + x, (1,) * (length - len(y)) + y, strict=True)
    return prod(b if a == 1 else a for a, b in pairs)


@formula("aten::mse_loss", kind="loss")
def mse_loss(self: Size, target: Size, reduction: int = 1) -> Ops:
    """[] or [*] = (x - y)^2 reduced: a subtraction and a mul per element."""
    n = joint(self, target)
    return MSE * n + reduced(reduction, n)


@formula("aten::huber_loss", kind="loss")
def huber_loss(self: Size, target: Size, reduction: int = 1) -> Ops:
    """[] or [*] = huber(x - y) reduced: see ``HUBER``."""
    n = joint(self, target)
    return HUBER * n + reduced(reduction, n)


@formula("aten::smooth_l1_loss", kind="loss")
def smooth_l1_loss(self: Size, target: Size, reduction: int = 1, beta: float = 1.0) -> Ops:
    """[] or [*] = smooth_l1(x - y) reduced: see ``smooth_l1_figure``."""
    n = joint(self, target)
    return smooth_l1_figure(beta) * n + reduced(reduction, n)


@formula("aten::soft_margin_loss", kind="loss")
def soft_margin_loss(self: Size, target: Size, reduction: int = 1) -> Ops:
    """[] or [*] = log1p(exp(-x y)) reduced: see ``SOFT_MARGIN``."""
    n = joint(self, target)
    return SOFT_MARGIN * n + reduced(reduction, n)


@formula("aten::binary_cross_entropy", kind="loss")
def binary_cross_entropy(self: Size, weight: Size | None = None, reduction: int = 1) -> Ops:
    """[] or [*] = bce([*], [*]) reduced: see ``bce_figure``."""
    n = self.numel()
    return bce_figure(weight) * n + reduced(reduction, n)


@formula("aten::binary_cross_entropy_with_logits", kind="loss")
def binary_cross_entropy_with_logits(
    self: Size, weight: Size | None = None, pos_weight: Size | None = None, reduction: int = 1
) -> Ops:
    """[] or [*] = bce(sigmoid([*]), [*]) reduced: see ``bce_with_logits_figure``."""
    n = self.numel()
    return bce_with_logits_figure(weight, pos_weight) * n + reduced(reduction, n)


@formula("aten::nll_loss_forward", kind="loss")
@formula("aten::nll_loss2d_forward", kind="loss")
def nll_loss(target: Size, weight: Size | None = None, reduction: int = 1) -> Ops:
    """[] or [N, *], total weight = nll([N, C, *], [N, *]): see ``nll``.

    The classes that are not the target cost nothing.
    """
    return nll(target.numel(), weight, reduction)


@formula("aten::multi_margin_loss", kind="loss")
def multi_margin_loss(
    self: Size, target: Size, p: int = 1, weight: Size | None = None, reduction: int = 1
) -> Ops:
    """[] or [N] = sum over i != y of max(0, margin - x[y] + x[i])^p / C, reduced.

    For each class but y: 2 adds, a compare, a mul if p = 2, a mul if classes have weights.
    Per sample: C - 2 adds and a division.
    """
    samples, others = target.numel(), max(self[-1] - 1, 0) if self else 0
    each = Ops(adds=2, muls=int(p == 2) + (weight is not None), compares=1)
    return each * (samples * others) + average(samples, others) + reduced(reduction, samples)


@formula("aten::_ctc_loss", kind="loss")
@formula("aten::_cudnn_ctc_loss", kind="loss")
@formula("aten::miopen_ctc_loss", kind="loss")
def ctc_loss(log_probs: Size, targets: Size) -> Ops:
    """[N], [N, T, 2 S + 1] = ctc([T, N, C], [N, S] or [sum of S]) (Graves et al. 2006).

    The forward recursion over the 2 S + 1 states of each target. From the second step on, a state
    is log(exp(a - m) + exp(b - m) + exp(c - m)) + m + log p, with m = max(a, b, c). These are
    2 compares, 3 subtractions, 3 exps, 2 adds, a log, 2 adds. At the end two states are added as
    logarithms, and negated. Every input is counted at the full length T, every target at the full
    length of its row.

    cuDNN and MIOpen compute the gradient in the same call. It belongs to the backward pass and is
    not counted here.
    """
    ends = (FIGURES["logaddexp"][0] + Ops(adds=1)) * _samples(log_probs)
    return ctc_recursion(log_probs[0], ctc_states(log_probs, targets)) + ends


def _samples(log_probs: Size) -> int:
    return log_probs[1] if len(log_probs) == 3 else 1


def ctc_states(log_probs: Size, targets: Size) -> int:
    """The states of all targets: 2 S + 1 each."""
    return 2 * targets.numel() + _samples(log_probs)


def ctc_recursion(steps: int, states: int) -> Ops:
    """A recursion over the states of all targets, from the second step on: see ``ctc_loss``."""
    return Ops(adds=7, compares=2, specials=4) * (max(steps - 1, 0) * states)


@formula(nn.MSELoss, kind="loss")
def mse_module(module: nn.MSELoss, input: Size, target: Size) -> Ops:
    """[] or [*] = (x - y)^2 reduced: see ``mse_loss``."""
    return mse_loss(input, target, REDUCTIONS[module.reduction])


@formula(nn.L1Loss, kind="loss")
def l1_module(module: nn.L1Loss, input: Size, target: Size) -> Ops:
    """[] or [*] = |x - y| reduced: a subtraction and an abs per element."""
    n = joint(input, target)
    return L1 * n + reduced(REDUCTIONS[module.reduction], n)


@formula(nn.HuberLoss, kind="loss")
def huber_module(module: nn.HuberLoss, input: Size, target: Size) -> Ops:
    """[] or [*] = huber(x - y) reduced: see ``HUBER``."""
    return huber_loss(input, target, REDUCTIONS[module.reduction])


@formula(nn.SmoothL1Loss, kind="loss")
def smooth_l1_module(module: nn.SmoothL1Loss, input: Size, target: Size) -> Ops:
    """[] or [*] = smooth_l1(x - y) reduced: see ``smooth_l1_figure``."""
    return smooth_l1_loss(input, target, REDUCTIONS[module.reduction], module.beta)


@formula(nn.SoftMarginLoss, kind="loss")
def soft_margin_module(module: nn.SoftMarginLoss, input: Size, target: Size) -> Ops:
    """[] or [*] = log1p(exp(-x y)) reduced: see ``SOFT_MARGIN``."""
    return soft_margin_loss(input, target, REDUCTIONS[module.reduction])


@formula(nn.BCELoss, kind="loss")
def bce_module(module: nn.BCELoss, input: Size) -> Ops:
    """[] or [*] = bce([*], [*]) reduced: see ``bce_figure``."""
    return binary_cross_entropy(input, _shape(module.weight), REDUCTIONS[module.reduction])


@formula(nn.BCEWithLogitsLoss, kind="loss")
def bce_with_logits_module(module: nn.BCEWithLogitsLoss, input: Size) -> Ops:
    """[] or [*] = bce(sigmoid([*]), [*]) reduced: see ``bce_with_logits_figure``."""
    each = bce_with_logits_figure(_shape(module.weight), _shape(module.pos_weight))
    n = input.numel()
    return each * n + reduced(REDUCTIONS[module.reduction], n)


@formula(nn.KLDivLoss, kind="loss")
def kl_div_module(module: nn.KLDivLoss, input: Size, target: Size) -> Ops:
    """[] or [*] = y (log y - x) reduced: see ``kl_div_figure``.

    "batchmean" is a sum and a division.
    """
    n = joint(input, target)
    ops = kl_div_figure(module.log_target) * n + reduced(REDUCTIONS[module.reduction], n)
    return ops + Ops(specials=1) if module.reduction == "batchmean" else ops


@formula(nn.NLLLoss, kind="loss")
def nll_module(module: nn.NLLLoss, target: Size) -> Ops:
    """[] or [N, *] = nll([N, C, *], [N, *]): see ``nll``."""
    return nll(target.numel(), _shape(module.weight), REDUCTIONS[module.reduction])


# The work of these depends on their options and targets, so their ops are priced.
observed(
    [
        nn.CTCLoss,
        nn.CosineEmbeddingLoss,
        nn.CrossEntropyLoss,
        nn.GaussianNLLLoss,
        nn.HingeEmbeddingLoss,
        nn.MarginRankingLoss,
        nn.MultiLabelMarginLoss,
        nn.MultiLabelSoftMarginLoss,
        nn.MultiMarginLoss,
        nn.PoissonNLLLoss,
        nn.TripletMarginLoss,
        nn.TripletMarginWithDistanceLoss,
    ]
)

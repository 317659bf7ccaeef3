"""Gradients of losses over classes and sequences. Element-wise ones are in ``elementwise``."""

from __future__ import annotations

from torch import Size

from ...core.ops import Ops
from ..builtin import formula
from ..elementwise import FIGURES
from ..loss import ctc_recursion, ctc_states


@formula("aten::nll_loss_backward", kind="gradient")
@formula("aten::nll_loss2d_backward", kind="gradient")
def nll_loss_backward(target: Size, weight: Size | None = None) -> Ops:
    """[N, C, *] = -g w / total at the class of each sample.

    Per sample a negation, a division, and a mul if there is a weight.
    """
    return Ops(adds=1, muls=int(weight is not None), specials=1) * target.numel()


@formula("aten::multi_margin_loss_backward", kind="gradient")
def multi_margin_loss_backward(self: Size, target: Size, p: int, weight: Size | None = None) -> Ops:
    """[N, C] = gradient of sum over i != y of max(0, z)^p / C, with z = margin - x[y] + x[i].

    For each class but y: 2 adds and a test for z, a mul if p = 2, a mul if classes have weights,
    and an add for the gradient of x[y]. Then a mul with the incoming gradient, for each class.
    """
    samples, classes = target.numel(), self[-1] if self else 1
    each = Ops(adds=3, muls=int(p == 2) + (weight is not None), compares=1)
    return each * (samples * (classes - 1)) + Ops(muls=samples * classes)


@formula("aten::_ctc_loss_backward", kind="gradient")
def ctc_loss_backward(log_probs: Size, targets: Size) -> Ops:
    """[T, N, C] = gradient of ctc([T, N, C], [N, S] or [sum of S]) (Graves et al. 2006, eq. 16).

    - beta, the recursion from the end: as alpha in the forward, see ``loss.ctc_loss``.
    - r, the sum over the states of a class, as logarithms: per state and step an add for
      alpha + beta, and a logaddexp.
    - (exp(l) - exp(r + loss - l)) g: per class and step 3 adds, 2 exps and a mul.

    Every input is counted at the full length T, every target at the full length of its row.
    """
    steps, states = log_probs[0], ctc_states(log_probs, targets)
    of_states = (FIGURES["logaddexp"][0] + Ops(adds=1)) * (steps * states)
    of_classes = Ops(adds=3, muls=1, specials=2) * log_probs.numel()
    return ctc_recursion(steps, states) + of_states + of_classes

"""A whole step of an optimizer as one op: what ``fused=True`` runs.

The operations per parameter are those that the optimizer runs without it, op by op. Work on
numbers, such as the bias corrections of Adam, is free. The counters of steps are counted where the
optimizer itself raises them.
"""

from __future__ import annotations

from torch import Size

from ..core.ops import NOTHING, Ops
from .arithmetic import Operand
from .builtin import formula
from .elementwise import ADD, COMPARE, MUL, SPECIAL
from .foreach import Sizes, elements
from .parametric import LERP, scaled_add, scaled_product, scaled_quotient


def _gradient(weight_decay: float, maximize: bool, scale: Size | None) -> Ops:
    """g' = g / scale, then -g to maximize, then g + weight_decay p: per parameter, what applies."""
    ops = NOTHING if scale is None else SPECIAL
    if maximize:
        ops = ops + ADD
    return ops + scaled_add(Size(()), weight_decay) if weight_decay else ops


def _adam(beta2: float, amsgrad: bool) -> Ops:
    """m' = m + (1 - b1) (g - m), v' = b2 v + (1 - b2) g g, p' = p - a m' / (sqrt(v') / c + eps).

    ``amsgrad``: a compare with the largest v so far.
    """
    second = MUL + scaled_product(1 - beta2)
    denominator = SPECIAL + SPECIAL + ADD + (COMPARE if amsgrad else NOTHING)
    return LERP + second + denominator + scaled_quotient(Size(()))


@formula("aten::_fused_adam", kind="elementwise")
def adam(
    self: Sizes,
    *,
    beta2: float,
    weight_decay: float,
    amsgrad: bool,
    maximize: bool,
    grad_scale: Size | None = None,
) -> Ops:
    """list of [*] = Adam(list of [*]): see ``_adam``. Decay is added to the gradient."""
    each = _gradient(weight_decay, maximize, grad_scale) + _adam(beta2, amsgrad)
    return each * elements(self)


@formula("aten::_fused_adamw", kind="elementwise")
def adamw(
    self: Sizes,
    *,
    beta2: float,
    weight_decay: float,
    amsgrad: bool,
    maximize: bool,
    grad_scale: Size | None = None,
) -> Ops:
    """list of [*] = AdamW(list of [*]): see ``_adam``. Decay scales the parameter: a mul."""
    decay = MUL if weight_decay else NOTHING
    each = _gradient(0.0, maximize, grad_scale) + decay + _adam(beta2, amsgrad)
    return each * elements(self)


@formula("aten::_fused_sgd", kind="elementwise")
def sgd(
    self: Sizes,
    *,
    weight_decay: float,
    momentum: float,
    lr: Operand,
    dampening: float,
    nesterov: bool,
    maximize: bool,
    is_first_step: bool,
    grad_scale: Size | None = None,
) -> Ops:
    """list of [*] = SGD(list of [*]): b' = momentum b + (1 - dampening) g, p' = p - lr b'.

    In the first step b' is a copy of g: free. ``nesterov``: the step is g + momentum b'.
    """
    each = _gradient(weight_decay, maximize, grad_scale)
    if momentum and not is_first_step:
        each = each + MUL + scaled_add(Size(()), 1 - dampening)
    if momentum and nesterov:
        each = each + scaled_add(Size(()), momentum)
    rate = 0.5 if isinstance(lr, Size) else lr  # a rate in a tensor may have any value
    return (each + scaled_add(Size(()), rate)) * elements(self)


@formula("aten::_fused_adagrad", kind="elementwise")
def adagrad(
    self: Sizes, *, weight_decay: float, maximize: bool, grad_scale: Size | None = None
) -> Ops:
    """list of [*] = Adagrad(list of [*]): s' = s + g g, p' = p - a g / (sqrt(s') + eps)."""
    each = _gradient(weight_decay, maximize, grad_scale) + scaled_product(1)
    return (each + SPECIAL + ADD + scaled_quotient(Size(()))) * elements(self)

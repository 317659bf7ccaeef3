"""Element-wise ops whose cost depends on an argument. The rules of reading are those of ``elementwise``."""

from __future__ import annotations

from typing import Any

from torch import Size

from ..core.ops import NOTHING, Ops
from .builtin import formula
from .elementwise import MUL, SPECIAL, gelu_figure


def factors(*values: Any) -> int:
    """How many of these optional factors are multiplications: a factor of 1 is none."""
    return sum(isinstance(value, Size) or value != 1 for value in values)


def scaled_add(other: Any, alpha: Any) -> Ops:
    """x + alpha y: an add; a mul where a tensor y is scaled by other than 1 or -1 (a number y is scaled once, for free)."""
    return Ops(adds=1, muls=int(isinstance(other, Size) and alpha not in (1, -1)))


def scaled_product(value: Any) -> Ops:
    """x + value y z: an add, a mul, and a mul where value is other than 1 or -1."""
    return Ops(adds=1, muls=1 + (isinstance(value, Size) or value not in (1, -1)))


def scaled_quotient(value: Any) -> Ops:
    """x + value y / z: an add, a division, and a mul where value is other than 1 or -1."""
    return Ops(adds=1, muls=int(isinstance(value, Size) or value not in (1, -1)), specials=1)


LERP = Ops(adds=2, muls=1)
"""x + w (y - x)."""


def power(exponent: Any) -> Ops:
    """x^p as torch evaluates it: x x, x x x, 1 / x, 1 / (x x), sqrt and its reciprocal by themselves; else one pow.

    The list is that of ATen's pow_tensor_scalar kernel. A base that is the number, or an exponent that is a tensor, is one pow.
    """
    cases = {
        0: NOTHING,
        1: NOTHING,
        2: MUL,
        3: Ops(muls=2),
        0.5: SPECIAL,
        -0.5: Ops(specials=2),
        -1: SPECIAL,
        -2: MUL + SPECIAL,
    }
    return SPECIAL if isinstance(exponent, Size) else cases.get(exponent, SPECIAL)


def quotient(rounding_mode: str | None) -> Ops:
    """x / y: a division, and a rounding if one is asked for."""
    return Ops(specials=1 if rounding_mode is None else 2)


def elu_figure(alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Ops:
    """x > 0 ? scale x : (alpha scale) expm1(input_scale x): a compare, an expm1, and the factors of the second arm."""
    return Ops(compares=1, specials=1, muls=factors(alpha * scale, input_scale))


def celu_figure(alpha: float) -> Ops:
    """max(0, x) + min(0, alpha expm1(x / alpha)), as ELU of alpha and input scale 1 / alpha."""
    return elu_figure(alpha, 1, 1 / alpha)


def softplus_figure(beta: float) -> Ops:
    """beta x > threshold ? x : log1p(exp(beta x)) / beta: a compare, exp, log1p; a mul and a division where beta is not 1."""
    return Ops(muls=factors(beta), compares=1, specials=2 + factors(beta))


@formula("aten::add", kind="elementwise")
@formula("aten::sub", kind="elementwise")
def add(other: Any, alpha: Any = 1, *, out: Size) -> Ops:
    """[*] = [*] + alpha [*]: see scaled_add."""
    return scaled_add(other, alpha) * out.numel()


@formula("aten::rsub", kind="elementwise")
def rsub(self: Size, alpha: Any = 1, *, out: Size) -> Ops:
    """[*] = other - alpha [*]: here it is self that alpha scales."""
    return scaled_add(self, alpha) * out.numel()


@formula("aten::addcmul", kind="elementwise")
def addcmul(*, value: Any = 1, out: Size) -> Ops:
    """[*] = [*] + value [*] [*]: see scaled_product."""
    return scaled_product(value) * out.numel()


@formula("aten::addcdiv", kind="elementwise")
def addcdiv(*, value: Any = 1, out: Size) -> Ops:
    """[*] = [*] + value [*] / [*]: see scaled_quotient."""
    return scaled_quotient(value) * out.numel()


@formula("aten::lerp", kind="elementwise")
def lerp(out: Size) -> Ops:
    """[*] = x + w (y - x): 2 adds, a mul."""
    return LERP * out.numel()


@formula("aten::div", kind="elementwise")
def div(*, rounding_mode: str | None = None, out: Size) -> Ops:
    """[*] = [*] / [*]: see quotient."""
    return quotient(rounding_mode) * out.numel()


@formula("aten::pow", kind="elementwise")
def pow(exponent: Any, out: Size) -> Ops:
    """[*] = [*] ^ p: see power."""
    return power(exponent) * out.numel()


@formula("aten::clamp", kind="elementwise")
def clamp(min: Any = None, max: Any = None, *, out: Size) -> Ops:
    """[*] = min(max([*], low), high): a compare per bound given."""
    return Ops(compares=(min is not None) + (max is not None)) * out.numel()


@formula("aten::round", kind="elementwise")
def round(*, decimals: int = 0, out: Size) -> Ops:
    """[*] = round([*]), to decimals: round(x 10^d) / 10^d."""
    return (SPECIAL if decimals == 0 else Ops(muls=1, specials=2)) * out.numel()


@formula("aten::logit", kind="elementwise")
def logit(eps: float | None = None, *, out: Size) -> Ops:
    """[*] = log(x / (1 - x)): a subtraction, a division, a log; with eps, x is clamped to [eps, 1 - eps] first."""
    return Ops(adds=1, compares=0 if eps is None else 2, specials=2) * out.numel()


@formula("aten::mvlgamma", kind="elementwise")
def mvlgamma(p: int, out: Size) -> Ops:
    """[*] = c + sum of lgamma(x - j / 2), j < p: p lgammas, p - 1 subtractions, p adds."""
    return Ops(adds=2 * p - 1, specials=p) * out.numel()


@formula("aten::elu", kind="activation")
def elu(alpha: float = 1, scale: float = 1, input_scale: float = 1, *, out: Size) -> Ops:
    """[*] = elu([*]): see elu_figure. SELU is this op with its two constants."""
    return elu_figure(alpha, scale, input_scale) * out.numel()


@formula("aten::celu", kind="activation")
def celu(alpha: float = 1.0, *, out: Size) -> Ops:
    """[*] = celu([*]): see celu_figure."""
    return celu_figure(alpha) * out.numel()


@formula("aten::gelu", kind="activation")
def gelu(*, approximate: str = "none", out: Size) -> Ops:
    """[*] = gelu([*]): see gelu_figure."""
    return gelu_figure(approximate) * out.numel()


@formula("aten::softplus", kind="activation")
def softplus(beta: float = 1, *, out: Size) -> Ops:
    """[*] = softplus([*]): see softplus_figure."""
    return softplus_figure(beta) * out.numel()

"""Element-wise ops whose cost depends on an argument, counted by the rules of ``elementwise``."""

from __future__ import annotations

from torch import Size

from ..core.ops import NOTHING, Ops
from .arithmetic import Operand, Scalar
from .builtin import formula
from .elementwise import MUL, SPECIAL, gelu_figure


def factors(*values: Operand) -> int:
    """The number of these optional factors that are multiplications: a factor of 1 is none."""
    return sum(isinstance(value, Size) or value != 1 for value in values)


def scaled_add(other: Operand, alpha: Scalar) -> Ops:
    """x + alpha y, per element: an add, and a mul if y is a tensor and alpha neither 1 nor -1.

    If y is a number, alpha scales it once: free.
    """
    return Ops(adds=1, muls=int(isinstance(other, Size) and alpha not in (1, -1)))


def scaled_product(value: Operand) -> Ops:
    """x + value y z, per element: an add, a mul, and a mul if value is neither 1 nor -1."""
    return Ops(adds=1, muls=1 + (isinstance(value, Size) or value not in (1, -1)))


def scaled_quotient(value: Operand) -> Ops:
    """x + value y / z, per element: an add, a division, a mul if value is neither 1 nor -1."""
    return Ops(adds=1, muls=int(isinstance(value, Size) or value not in (1, -1)), specials=1)


LERP = Ops(adds=2, muls=1)
"""x + w (y - x), per element."""


def power(exponent: Operand) -> Ops:
    """x^p, per element, as torch evaluates it (ATen's pow_tensor_scalar kernel).

    Special exponents become x x, x x x, 1 / x, 1 / (x x), sqrt or its reciprocal. All
    others are one pow, and so are a tensor as the exponent and a number as the base.
    """
    cases: dict[Scalar, Ops] = {
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
    """x / y, per element: a division, and a rounding if there is a ``rounding_mode``."""
    return Ops(specials=1 if rounding_mode is None else 2)


def elu_figure(alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Ops:
    """x > 0 ? scale x : (alpha scale) expm1(input_scale x), per element.

    A compare, an expm1, and those factors of the second branch that are not 1.
    """
    return Ops(compares=1, specials=1, muls=factors(alpha * scale, input_scale))


def celu_figure(alpha: float) -> Ops:
    """max(0, x) + min(0, alpha expm1(x / alpha)), per element.

    This is ELU with ``input_scale`` 1 / alpha.
    """
    return elu_figure(alpha, 1, 1 / alpha)


def softplus_figure(beta: float) -> Ops:
    """beta x > threshold ? x : log1p(exp(beta x)) / beta, per element.

    A compare, an exp, a log1p. If beta is not 1, also a mul and a division.
    """
    return Ops(muls=factors(beta), compares=1, specials=2 + factors(beta))


@formula("aten::add", kind="elementwise")
@formula("aten::sub", kind="elementwise")
def add(other: Operand, alpha: Scalar = 1, *, out: Size) -> Ops:
    """[*] = [*] + alpha [*]: see ``scaled_add``."""
    return scaled_add(other, alpha) * out.numel()


@formula("aten::rsub", kind="elementwise")
def rsub(self: Size, alpha: Scalar = 1, *, out: Size) -> Ops:
    """[*] = other - alpha [*]: see ``scaled_add``. Here alpha scales ``self``."""
    return scaled_add(self, alpha) * out.numel()


@formula("aten::addcmul", kind="elementwise")
def addcmul(*, value: Scalar = 1, out: Size) -> Ops:
    """[*] = [*] + value [*] [*]: see ``scaled_product``."""
    return scaled_product(value) * out.numel()


@formula("aten::addcdiv", kind="elementwise")
def addcdiv(*, value: Scalar = 1, out: Size) -> Ops:
    """[*] = [*] + value [*] / [*]: see ``scaled_quotient``."""
    return scaled_quotient(value) * out.numel()


@formula("aten::lerp", kind="elementwise")
def lerp(out: Size) -> Ops:
    """[*] = x + w (y - x), x and y of shape [*]: 2 adds and a mul per element."""
    return LERP * out.numel()


@formula("aten::div", kind="elementwise")
def div(*, rounding_mode: str | None = None, out: Size) -> Ops:
    """[*] = [*] / [*]: see ``quotient``."""
    return quotient(rounding_mode) * out.numel()


@formula("aten::pow", kind="elementwise")
def pow(exponent: Operand, out: Size) -> Ops:
    """[*] = [*] ^ p: see ``power``."""
    return power(exponent) * out.numel()


@formula("aten::clamp", kind="elementwise")
def clamp(min: Operand | None = None, max: Operand | None = None, *, out: Size) -> Ops:
    """[*] = min(max([*], low), high): a compare for each bound."""
    return Ops(compares=(min is not None) + (max is not None)) * out.numel()


@formula("aten::round", kind="elementwise")
def round(*, decimals: int = 0, out: Size) -> Ops:
    """[*] = round([*]): a rounding. To d decimals, round(x 10^d) / 10^d: also a mul, a division."""
    return (SPECIAL if decimals == 0 else Ops(muls=1, specials=2)) * out.numel()


@formula("aten::logit", kind="elementwise")
def logit(eps: float | None = None, *, out: Size) -> Ops:
    """[*] = log(x / (1 - x)), x of shape [*]: a subtraction, a division and a log per element.

    With ``eps``, x is first clamped to [eps, 1 - eps]: 2 compares.
    """
    return Ops(adds=1, compares=0 if eps is None else 2, specials=2) * out.numel()


@formula("aten::mvlgamma", kind="elementwise")
def mvlgamma(p: int, out: Size) -> Ops:
    """[*] = c + sum of lgamma(x - j / 2) over j < p, x of shape [*].

    Per element p lgammas, p - 1 subtractions, p adds.
    """
    return Ops(adds=2 * p - 1, specials=p) * out.numel()


@formula("aten::elu", kind="activation")
def elu(alpha: float = 1, scale: float = 1, input_scale: float = 1, *, out: Size) -> Ops:
    """[*] = elu([*]): see ``elu_figure``. SELU runs this op with two constants."""
    return elu_figure(alpha, scale, input_scale) * out.numel()


@formula("aten::celu", kind="activation")
def celu(alpha: float = 1.0, *, out: Size) -> Ops:
    """[*] = celu([*]): see ``celu_figure``."""
    return celu_figure(alpha) * out.numel()


@formula("aten::gelu", kind="activation")
def gelu(*, approximate: str = "none", out: Size) -> Ops:
    """[*] = gelu([*]): see ``elementwise.gelu_figure``."""
    return gelu_figure(approximate) * out.numel()


@formula("aten::softplus", kind="activation")
def softplus(beta: float = 1, *, out: Size) -> Ops:
    """[*] = softplus([*]): see ``softplus_figure``."""
    return softplus_figure(beta) * out.numel()

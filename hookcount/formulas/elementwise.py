"""Element-wise ops: [*] = op([*], ...), with the operands broadcast.

``FIGURES`` gives the operations per output element, beside the expression that they are counted
from. Ops whose cost depends on an argument (``pow``, ``clamp``, ``add`` with ``alpha`` ...) are in
``parametric``. Operations are counted by these rules:

- A library function is one special: exp, log, sin, erf, lgamma, a Bessel function and so on. But
  sinh, tanh and the like are written out with exp, log and sqrt.
- A division, a square root and a rounding are one special each.
- A negation or subtraction is one add.
- abs, a selection by magnitude and a test of a value are one compare each.
- If an expression has several branches, its tests and the most expensive branch are counted.
- An optional factor (``alpha``, ``beta``, ``scale``, ``value``) that is 1 is no multiplication.
- Constants are folded: ``sqrt(2 / pi)`` costs nothing.

Elements are counted, whatever their type: a complex multiplication is one mul. Only the Fourier
transforms count real operations.
"""

from __future__ import annotations

from collections.abc import Callable

from ..core.ops import Ops
from .arithmetic import SIGMOID, TANH, Outputs, first
from .builtin import formula

ADD = Ops(adds=1)
MUL = Ops(muls=1)
COMPARE = Ops(compares=1)
SPECIAL = Ops(specials=1)

FIGURES: dict[str, tuple[Ops, str]] = {
    # arithmetic
    "neg": (ADD, "-x"),
    "_conj_physical": (ADD, "a - bi"),
    "conj_physical": (ADD, "a - bi"),
    "mul": (MUL, "x y"),
    "deg2rad": (MUL, "x (pi / 180)"),
    "rad2deg": (MUL, "x (180 / pi)"),
    "__lshift__": (MUL, "x 2^k"),
    "__rshift__": (MUL, "x 2^-k"),
    "__ilshift__": (MUL, "x 2^k, in place"),
    "__irshift__": (MUL, "x 2^-k, in place"),
    "bitwise_left_shift": (MUL, "x 2^k"),
    "bitwise_right_shift": (MUL, "x 2^-k"),
    "ldexp": (MUL + SPECIAL, "x exp2(k)"),
    "reciprocal": (SPECIAL, "1 / x"),
    "sqrt": (SPECIAL, "sqrt(x)"),
    "rsqrt": (Ops(specials=2), "1 / sqrt(x)"),
    "hypot": (Ops(adds=1, muls=2, specials=1), "sqrt(x x + y y)"),
    "floor_divide": (Ops(specials=2), "floor(x / y)"),
    "fmod": (Ops(adds=1, muls=1, specials=2), "x - y trunc(x / y)"),
    "remainder": (Ops(adds=1, muls=1, specials=2), "x - y floor(x / y)"),
    "linalg_cross": (Ops(adds=1, muls=2), "x1 y2 - x2 y1"),
    # comparisons and selections
    "eq": (COMPARE, "x == y"),
    "ne": (COMPARE, "x != y"),
    "lt": (COMPARE, "x < y"),
    "le": (COMPARE, "x <= y"),
    "gt": (COMPARE, "x > y"),
    "ge": (COMPARE, "x >= y"),
    **dict.fromkeys(("maximum", "fmax", "clamp_min"), (COMPARE, "max(x, y)")),
    **dict.fromkeys(("minimum", "fmin", "clamp_max"), (COMPARE, "min(x, y)")),
    **dict.fromkeys(
        ("isnan", "isinf", "isneginf", "isposinf", "signbit"), (COMPARE, "a test of x")
    ),
    **dict.fromkeys(
        ("logical_and", "logical_or", "logical_xor", "logical_not"), (COMPARE, "x != 0, then a bit")
    ),
    "abs": (COMPARE, "max(x, -x)"),
    "copysign": (COMPARE, "y < 0 ? -|x| : |x|"),
    "sign": (Ops(compares=2), "x > 0 ? 1 : x < 0 ? -1 : 0"),
    "sgn": (Ops(compares=2), "x > 0 ? 1 : x < 0 ? -1 : 0"),
    "heaviside": (Ops(compares=2), "x > 0 ? 1 : x < 0 ? 0 : y"),
    "nan_to_num": (Ops(compares=3), "x == nan, inf, -inf"),
    # roundings
    **dict.fromkeys(("ceil", "floor", "trunc", "nextafter", "frexp"), (SPECIAL, "round(x)")),
    "frac": (ADD + SPECIAL, "x - trunc(x)"),
    # exponentials and logarithms
    **{name: (SPECIAL, name) for name in ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p")},
    "logaddexp": (Ops(adds=3, compares=2, specials=2), "max(x, y) + log1p(exp(-|x - y|))"),
    "logaddexp2": (Ops(adds=3, compares=2, specials=2), "max(x, y) + log2(1 + exp2(-|x - y|))"),
    "xlogy": (Ops(muls=1, compares=1, specials=1), "x == 0 ? 0 : x log(y)"),
    "special_xlog1py": (Ops(muls=1, compares=1, specials=1), "x == 0 ? 0 : x log1p(y)"),
    "special_entr": (Ops(adds=1, muls=1, compares=1, specials=1), "x == 0 ? 0 : -x log(x)"),
    # trigonometry
    **{
        name: (SPECIAL, name)
        for name in ("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "angle")
    },
    "sinc": (Ops(muls=1, compares=1, specials=2), "x == 0 ? 1 : sin(pi x) / (pi x)"),
    "polar": (Ops(muls=2, specials=2), "r cos(a) + i r sin(a)"),
    "sinh": (Ops(adds=1, muls=1, specials=2), "(exp(x) - 1 / exp(x)) 0.5"),
    "cosh": (Ops(adds=1, muls=1, specials=2), "(exp(x) + 1 / exp(x)) 0.5"),
    "tanh": (TANH, "1 - 2 / (exp(2x) + 1)"),
    "asinh": (Ops(adds=2, muls=1, specials=2), "log(x + sqrt(x x + 1))"),
    "acosh": (Ops(adds=2, muls=1, specials=2), "log(x + sqrt(x x - 1))"),
    "atanh": (Ops(adds=2, muls=1, specials=2), "0.5 log((1 + x) / (1 - x))"),
    # activations
    "sigmoid": (SIGMOID, "1 / (1 + exp(-x))"),
    "relu": (COMPARE, "max(x, 0)"),
    "threshold": (COMPARE, "x > t ? x : v"),
    "hardtanh": (Ops(compares=2), "min(max(x, a), b)"),
    "hardshrink": (Ops(compares=2), "x > t or x < -t ? x : 0"),
    "softshrink": (Ops(adds=1, compares=2), "x > t ? x - t : x < -t ? x + t : 0"),
    "leaky_relu": (Ops(muls=1, compares=1), "x > 0 ? x : a x"),
    "_prelu_kernel": (Ops(muls=1, compares=1), "x > 0 ? x : a x"),
    "rrelu_with_noise": (Ops(muls=1, compares=1), "x > 0 ? x : a x, a drawn in training"),
    "rrelu_with_noise_functional": (
        Ops(muls=1, compares=1),
        "x > 0 ? x : a x, a drawn in training",
    ),
    "hardsigmoid": (Ops(adds=1, compares=2, specials=1), "min(max(x + 3, 0), 6) / 6"),
    "hardswish": (Ops(adds=1, muls=1, compares=2, specials=1), "x min(max(x + 3, 0), 6) / 6"),
    "silu": (SIGMOID + MUL, "x sigmoid(x)"),
    "mish": (TANH + Ops(muls=1, specials=2), "x tanh(log1p(exp(x)))"),
    "glu": (SIGMOID + MUL, "a sigmoid(b)"),
    "log_sigmoid_forward": (Ops(adds=2, compares=2, specials=2), "min(x, 0) - log1p(exp(-|x|))"),
    # The mask is drawn (free), divided by 1 - p, and multiplied in, be it one op or three.
    "native_dropout": (MUL + SPECIAL, "x (mask / (1 - p))"),
    "_fused_dropout": (MUL + SPECIAL, "x (mask / (1 - p))"),
    "_masked_scale": (Ops(muls=2), "x mask s"),
    "_add_relu": (ADD + COMPARE, "max(x + y, 0)"),
}
"""By op, the operations per output element, and the expression that they are counted from."""

SPECIAL_FUNCTIONS = """
    digamma erf erfc erfinv i0 igamma igammac lgamma polygamma special_airy_ai special_bessel_j0
    special_bessel_j1 special_bessel_y0 special_bessel_y1 special_chebyshev_polynomial_t
    special_chebyshev_polynomial_u special_chebyshev_polynomial_v special_chebyshev_polynomial_w
    special_erfcx special_hermite_polynomial_h special_hermite_polynomial_he special_i0e special_i1
    special_i1e special_laguerre_polynomial_l special_legendre_polynomial_p special_log_ndtr
    special_modified_bessel_i0 special_modified_bessel_i1 special_modified_bessel_k0
    special_modified_bessel_k1 special_ndtri special_scaled_modified_bessel_k0
    special_scaled_modified_bessel_k1 special_shifted_chebyshev_polynomial_t
    special_shifted_chebyshev_polynomial_u special_shifted_chebyshev_polynomial_v
    special_shifted_chebyshev_polynomial_w special_spherical_bessel_j0 special_zeta
"""
"""Ops that evaluate one library function per element: one special each."""

FIGURES |= {name: (SPECIAL, f"{name}(x), one evaluation") for name in SPECIAL_FUNCTIONS.split()}


def per_element(name: str, figure: Ops, text: str) -> Callable[..., Ops]:
    """A formula that charges ``figure`` for each output element."""

    def price(out: Outputs) -> Ops:
        return figure * first(out).numel()

    price.__name__ = name
    price.__doc__ = f"[*] = {name}([*]): {text}, per output element."
    return price


_NAMES = """
    erf glu hardsigmoid hardswish hardtanh leaky_relu log_sigmoid_forward mish relu
    rrelu_with_noise selu sigmoid silu tanh threshold _prelu_kernel
"""
ACTIVATIONS = frozenset(_NAMES.split())
"""The rows that are activation functions. ``erf`` is one: GELU is often written out with it."""

for _name, (_figure, _text) in FIGURES.items():
    formula(f"aten::{_name}", kind="activation" if _name in ACTIVATIONS else "elementwise")(
        per_element(_name, _figure, _text)
    )


def gelu_figure(approximate: str) -> Ops:
    """gelu(x), per element.

    "none": 0.5 x (1 + erf(x / sqrt 2)): 3 muls, an add, an erf.
    "tanh": 0.5 x (1 + tanh(c (x + 0.044715 x x x))), c = sqrt(2 / pi): 6 muls, 2 adds, a tanh.
    """
    return TANH + Ops(adds=2, muls=6) if approximate == "tanh" else Ops(adds=1, muls=3, specials=1)

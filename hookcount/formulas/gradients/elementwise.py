"""Gradients of element-wise functions, element-wise losses and softmax.

In the formulas g is the incoming gradient, x the input and y the output. The counting rules are
those of ``formulas/elementwise.py``.
"""

from __future__ import annotations

from torch import Size

from ...core.ops import Ops
from ..arithmetic import SIGMOID, TANH
from ..builtin import formula
from ..elementwise import per_element
from ..softmax import rows_along

FIGURES: dict[str, tuple[Ops, str]] = {
    "sigmoid_backward": (Ops(adds=1, muls=2), "g y (1 - y)"),
    "tanh_backward": (Ops(adds=1, muls=2), "g (1 - y y)"),
    "logit_backward": (Ops(adds=1, muls=1, specials=1), "g / (x (1 - x))"),
    "threshold_backward": (Ops(compares=1), "x > t ? g : 0"),
    "hardtanh_backward": (Ops(compares=2), "a < x < b ? g : 0"),
    "hardshrink_backward": (Ops(compares=2), "x > t or x < -t ? g : 0"),
    "softshrink_backward": (Ops(compares=2), "x > t or x < -t ? g : 0"),
    "leaky_relu_backward": (Ops(muls=1, compares=1), "x > 0 ? g : a g"),
    "rrelu_with_noise_backward": (Ops(muls=1), "g a"),
    "hardsigmoid_backward": (Ops(muls=1, compares=2), "-3 < x < 3 ? g / 6 : 0"),
    "hardswish_backward": (
        Ops(adds=1, muls=2, compares=2),
        "x < -3 ? 0 : x > 3 ? g : g (x / 3 + 0.5)",
    ),
    "silu_backward": (SIGMOID + Ops(adds=2, muls=3), "g s (1 + x (1 - s)), s = sigmoid(x)"),
    "mish_backward": (
        TANH + SIGMOID + Ops(adds=2, muls=4, specials=2),
        "g (t + x s (1 - t t)), t = tanh(log1p(exp(x)))",
    ),
    "elu_backward": (Ops(muls=2, compares=1, specials=1), "x > 0 ? g s : g c exp(x)"),
    "softplus_backward": (
        Ops(muls=2, compares=1, specials=2) + Ops(adds=1),
        "g z / (1 + z), z = exp(b x)",
    ),
    "log_sigmoid_backward": (
        Ops(adds=2, muls=1, compares=1, specials=1),
        "g (m - s z / (1 + z)), z kept",
    ),
    "glu_backward": (
        SIGMOID + Ops(adds=1, muls=4),
        "g s and g s (1 - s) a, a pair of outputs each half of this",
    ),
    "native_dropout_backward": (Ops(muls=2), "g mask s"),
    "_prelu_kernel_backward": (Ops(muls=2, compares=1), "x > 0 ? g : a g, and x > 0 ? 0 : g x"),
    "mse_loss_backward": (Ops(adds=1, muls=2), "g c (x - y)"),
    "smooth_l1_loss_backward": (
        Ops(adds=1, muls=2, compares=2),
        "|x - y| < b ? g c (x - y) : +-g c",
    ),
    "huber_loss_backward": (Ops(adds=1, muls=2, compares=2), "|x - y| < d ? g c (x - y) : +-g c"),
    "soft_margin_loss_backward": (
        Ops(adds=2, muls=3, specials=2),
        "-g c y z / (1 + z), z = exp(-x y)",
    ),
    "binary_cross_entropy_backward": (
        Ops(adds=2, muls=2, compares=1, specials=1),
        "g c (x - t) / max(x (1 - x), e)",
    ),
    "_standard_gamma_grad": (Ops(specials=1), "dx / da of a draw x, one evaluation"),
    "_dirichlet_grad": (Ops(specials=1), "dx / da of a draw x, one evaluation"),
}
"""By op: the operations per output element, and the formula that they are read from."""

for _name, (_figure, _text) in FIGURES.items():
    formula(f"aten::{_name}", kind="gradient")(per_element(_name, _figure, _text))


@formula("aten::gelu_backward", kind="gradient")
def gelu_backward(*, approximate: str = "none", out: Size) -> Ops:
    """[*] = gradient of gelu([*]), per element by one of two formulas.

    ``none``: g (P + x p), with P = 0.5 (1 + erf(x / sqrt 2)) and p = c exp(-0.5 x x). This is
    7 muls, 2 adds, an erf and an exp.

    ``tanh``: g (0.5 (1 + t) + 0.5 x (1 - t t) c (1 + 3 k x x)). Here u = c (x + k x x x) and
    t = tanh(u). This is 12 muls, 5 adds and a tanh.
    """
    each = TANH + Ops(adds=5, muls=12) if approximate == "tanh" else Ops(adds=2, muls=7, specials=2)
    return each * out.numel()


@formula("aten::_softmax_backward_data", kind="gradient")
def softmax_backward(output: Size, dim: int) -> Ops:
    """[*, n] = y (g - sum(g y)): per row 2n muls, n - 1 adds, n subtractions."""
    rows, n = rows_along(output, dim)
    return Ops(adds=2 * n - 1, muls=2 * n) * rows if n else Ops()


@formula("aten::_masked_softmax_backward", kind="gradient")
def masked_softmax_backward(output: Size, dim: int | None = None) -> Ops:
    """[*, n] = y (g - sum(g y)): as ``softmax_backward``. Masking is free."""
    return softmax_backward(output, -1 if dim is None else dim)


@formula("aten::_log_softmax_backward_data", kind="gradient")
def log_softmax_backward(output: Size, dim: int) -> Ops:
    """[*, n] = g - exp(y) sum(g): per row n - 1 adds, n exps, n muls, n subtractions."""
    rows, n = rows_along(output, dim)
    return Ops(adds=2 * n - 1, muls=n, specials=n) * rows if n else Ops()

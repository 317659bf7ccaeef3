"""The activation modules: [*] = module([*]).

Each module is one op and costs the same. The figure, operations per element, is the op's: see
``elementwise`` and ``parametric``.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Size, nn

from ..core.ops import Ops
from .builtin import formula
from .elementwise import FIGURES, gelu_figure
from .parametric import celu_figure, elu_figure, softplus_figure

FIGURE_OF: dict[type[nn.Module], str] = {
    nn.GLU: "glu",
    nn.Hardshrink: "hardshrink",
    nn.Hardsigmoid: "hardsigmoid",
    nn.Hardswish: "hardswish",
    nn.Hardtanh: "hardtanh",
    nn.LeakyReLU: "leaky_relu",
    nn.LogSigmoid: "log_sigmoid_forward",
    nn.Mish: "mish",
    nn.PReLU: "_prelu_kernel",
    nn.ReLU: "relu",
    nn.ReLU6: "hardtanh",
    nn.RReLU: "rrelu_with_noise",
    nn.SiLU: "silu",
    nn.Sigmoid: "sigmoid",
    nn.Softshrink: "softshrink",
    nn.Tanh: "tanh",
    nn.Threshold: "threshold",
}
"""By module class, the name of its op in ``elementwise.FIGURES``."""


def _per_element(name: str) -> Callable[..., Ops]:
    def price(out: Size) -> Ops:
        return FIGURES[name][0] * out.numel()

    price.__doc__ = f"[*] = {name}([*]): {FIGURES[name][1]}, per output element."
    return price


for _cls, _name in FIGURE_OF.items():
    formula(_cls, kind="activation")(_per_element(_name))


@formula(nn.ELU, kind="activation")
def elu(module: nn.ELU, out: Size) -> Ops:
    """[*] = elu([*]): see ``parametric.elu_figure``."""
    return elu_figure(module.alpha) * out.numel()


@formula(nn.SELU, kind="activation")
def selu(out: Size) -> Ops:
    """[*] = selu([*]): ELU with alpha 1.67 and scale 1.05, folded into one factor per branch."""
    return elu_figure(1.6732632423543772, 1.0507009873554805) * out.numel()


@formula(nn.CELU, kind="activation")
def celu(module: nn.CELU, out: Size) -> Ops:
    """[*] = celu([*]): see ``parametric.celu_figure``."""
    return celu_figure(module.alpha) * out.numel()


@formula(nn.GELU, kind="activation")
def gelu(module: nn.GELU, out: Size) -> Ops:
    """[*] = gelu([*]): see ``elementwise.gelu_figure``."""
    return gelu_figure(module.approximate) * out.numel()


@formula(nn.Softplus, kind="activation")
def softplus(module: nn.Softplus, out: Size) -> Ops:
    """[*] = softplus([*]): see ``parametric.softplus_figure``."""
    return softplus_figure(module.beta) * out.numel()


@formula(nn.Softsign, kind="activation")
def softsign(out: Size) -> Ops:
    """[*] = x / (|x| + 1), x of shape [*]: an abs, an add and a division per element."""
    return Ops(adds=1, compares=1, specials=1) * out.numel()


@formula(nn.Tanhshrink, kind="activation")
def tanhshrink(out: Size) -> Ops:
    """[*] = x - tanh(x), x of shape [*]: a tanh and a subtraction per element."""
    return (FIGURES["tanh"][0] + Ops(adds=1)) * out.numel()

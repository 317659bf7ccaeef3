"""The functions of torch that ptflops replaces by its own, and what a call of each costs.

The tool replaces attributes of ``torch``, ``torch.nn.functional`` and ``torch.Tensor``. It sees
``torch.add(x, y)`` but not ``x + y``. It does not see what torch's C++ code calls.
"""

from __future__ import annotations

from math import prod

from torch import Size

from ...core.ops import Ops
from ...core.trace import Call
from ...rules.binding import CallFormula
from ...rules.registry import Registry
from .borrowed import aten
from .patched import (
    ADAPTIVE_AVERAGES,
    AVERAGES,
    MAXIMA,
    UPSAMPLINGS,
    Elements,
    Elementwise,
    called_as,
    functional,
    pools,
    scaled_elements,
)

FORMULAS = Registry(name="the functions that ptflops replaces", home=f"{__name__}:FORMULAS")

_IN_PLACE = "relu elu silu hardtanh"
_ACTIVATIONS = aten(f"{_IN_PLACE} gelu _prelu_kernel _softmax")
for _op in (*_ACTIVATIONS, *AVERAGES, *ADAPTIVE_AVERAGES, *MAXIMA):
    FORMULAS.register(_op, Elements())


class Interpolated(CallFormula):
    """[N, C, *O] = interpolate([N, C, *I]): 1 per output element, of any dtype.

    With scales it is 1 per input element times all scales, rounded down.
    """

    def __call__(self, path: str, call: Call) -> Ops:
        """The price of one call."""
        scaled = scaled_elements(call)
        return Ops(muls=prod(call.out.shape) if scaled is None else scaled)


for _op in UPSAMPLINGS:
    FORMULAS.register(_op, Interpolated())


@FORMULAS.register("aten::mm")
@FORMULAS.register("aten::bmm")
@FORMULAS.register("aten::matmul")
def product(self: Size, second: Size) -> Ops:
    """[*, n] = [*, k] @ [*, k, n]: n per element of the left operand, even if that is repeated.

    The only axis of a vector is taken for n.
    """
    return Ops(macs=prod(self) * second[-1])


@FORMULAS.register("aten::addmm")
def addmm(self: Size, mat1: Size, mat2: Size, beta: float) -> Ops:
    """[m, n] = self + [m, k] @ [k, n]: the product, and 1 per element of self unless beta is 0."""
    return Ops(macs=prod(mat1) * mat2[-1], adds=prod(self) if beta else 0)


@FORMULAS.register("aten::baddbmm")
def baddbmm(self: Size, batch1: Size, batch2: Size, beta: float) -> Ops:
    """[b, m, n] = self + [b, m, k] @ [b, k, n]: as ``addmm``."""
    return addmm(self, batch1, batch2, beta)


FORMULAS.register("aten::add", Elementwise())
FORMULAS.register("aten::mul", Elementwise())


_UPSAMPLING = functional("interpolate upsample", UPSAMPLINGS)
# by area, an interpolation runs an adaptive average
for _ops in _UPSAMPLING.values():
    _ops.update(dict.fromkeys(ADAPTIVE_AVERAGES, "aten::upsample_nearest2d"))
FUNCTIONS: dict[str, dict[str, str]] = {
    **functional("relu", aten("relu relu_")),
    **functional("elu", aten("elu elu_")),
    **functional("silu", aten("silu silu_")),
    **functional("gelu", aten("gelu gelu_")),
    **functional("relu6", aten("hardtanh hardtanh_")),
    **functional("prelu", aten("_prelu_kernel")),
    **functional("softmax", aten("_softmax")),
    **pools(),
    **_UPSAMPLING,
    **{
        called: {f"aten::{name}": f"aten::{name}"}
        for name in ("matmul", "mm", "bmm", "addmm", "mul", "add")
        for called in called_as(of_torch=name, methods=name)
    },
    "torch.baddbmm": {"aten::baddbmm": "aten::baddbmm"},
}
"""By the name of a function, the ops that count there, and whose formulas price them."""

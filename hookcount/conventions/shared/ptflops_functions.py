"""The functions of torch that ptflops replaces by its own, and what a call of each costs.

The tool replaces attributes of ``torch``, ``torch.nn.functional`` and ``torch.Tensor``. It sees
``torch.add(x, y)`` but not ``x + y``. It does not see what torch's C++ code calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from math import prod

from torch import Size

from ...core.ops import Ops
from ...core.trace import Call, Spec
from ...rules.binding import CallFormula
from ...rules.parameters import parameters_of_target
from ...rules.registry import Registry
from .borrowed import aten
from .python_patching import called_as

FORMULAS = Registry(name="the functions that ptflops replaces", home=f"{__name__}:FORMULAS")

_IN_PLACE = "relu elu silu hardtanh"
_ACTIVATIONS = aten(f"{_IN_PLACE} gelu _prelu_kernel _softmax")
_AVERAGES = aten("avg_pool1d avg_pool2d avg_pool3d")
_ADAPTIVE_AVERAGES = aten(
    "adaptive_avg_pool1d _adaptive_avg_pool2d _adaptive_avg_pool3d mean adaptive_avg_pool2d "
    "adaptive_avg_pool3d"
)
_MAXIMA = aten(
    "max_pool1d max_pool2d max_pool3d max_pool2d_with_indices max_pool3d_with_indices "
    "adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d"
)
_UPSAMPLINGS = aten(
    "upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_linear1d "
    "upsample_bilinear2d upsample_bicubic2d upsample_trilinear3d _upsample_nearest_exact1d "
    "_upsample_nearest_exact2d _upsample_nearest_exact3d _upsample_bilinear2d_aa "
    "_upsample_bicubic2d_aa _upsample_lanczos2d_aa"
)


class Elements(CallFormula):
    """[*O] = f([*], ...): 1 per element of the input, of any dtype."""

    def __call__(self, path: str, call: Call) -> Ops:
        """The price of one call."""
        return Ops(specials=prod(call.args[0].shape))


for _op in (*_ACTIVATIONS, *_AVERAGES, *_ADAPTIVE_AVERAGES, *_MAXIMA):
    FORMULAS.register(_op, Elements())


class Interpolated(CallFormula):
    """[N, C, *O] = interpolate([N, C, *I]): 1 per output element, of any dtype.

    With scales it is 1 per input element times all scales, rounded down.
    """

    def __call__(self, path: str, call: Call) -> Ops:
        """The price of one call."""
        given = dict(zip(parameters_of_target(call.target).positional, call.args, strict=False))
        given |= call.kwargs
        scales = [value for name, value in given.items() if name.startswith("scales") and value]
        if not scales:
            return Ops(muls=prod(call.out.shape))
        same = len(set(scales)) == 1  # the tool raises a scale to the number of axes
        factor = scales[0] ** len(scales) if same else prod(scales)
        return Ops(muls=int(prod(call.args[0].shape) * factor))


for _op in _UPSAMPLINGS:
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


class Elementwise(CallFormula):
    """[*] = op([*], [*]): 1 per element, of any dtype.

    The tool pairs the axes of both operands from the first on, where torch begins with the last.
    """

    def __call__(self, path: str, call: Call) -> Ops:
        """The price of one call."""
        operands = (*call.args, *call.kwargs.values())[:2]
        shapes = [each.shape if isinstance(each, Spec) else Size() for each in operands]
        return Ops(adds=prod(map(max, zip_longest(*shapes, fillvalue=1))))


FORMULAS.register("aten::add", Elementwise())
FORMULAS.register("aten::mul", Elementwise())


def _as_they_are(ops: Sequence[str]) -> dict[str, str]:
    """The ops that run in a function, with their own formulas."""
    return {op: op for op in ops}


def _function(name: str, *ops: str) -> tuple[str, dict[str, str]]:
    return f"torch.nn.functional.{name}", _as_they_are(aten(" ".join(ops)))


# by area, an interpolation runs an adaptive average
_INTERPOLATION = _as_they_are(_UPSAMPLINGS) | dict.fromkeys(
    (*_ADAPTIVE_AVERAGES,), "aten::upsample_nearest2d"
)
FUNCTIONS: dict[str, dict[str, str]] = dict(
    (
        *(_function(name, name, f"{name}_") for name in ("relu", "elu", "silu", "gelu")),
        _function("relu6", "hardtanh", "hardtanh_"),
        _function("prelu", "_prelu_kernel"),
        _function("softmax", "_softmax"),
    )
)
for _axes in "123":
    for _name, _ops in (
        (f"avg_pool{_axes}d", _AVERAGES),
        (f"adaptive_avg_pool{_axes}d", _ADAPTIVE_AVERAGES),
        (f"max_pool{_axes}d", _MAXIMA),
        (f"adaptive_max_pool{_axes}d", _MAXIMA),
    ):
        FUNCTIONS[f"torch.nn.functional.{_name}"] = _as_they_are(_ops)
for _name in ("interpolate", "upsample"):
    FUNCTIONS[f"torch.nn.functional.{_name}"] = _INTERPOLATION
for _name in ("matmul", "mm", "bmm", "addmm", "mul", "add"):
    for _called in called_as(of_torch=_name, methods=_name):
        FUNCTIONS[_called] = _as_they_are(aten(_name))
FUNCTIONS["torch.baddbmm"] = _as_they_are(aten("baddbmm"))
"""By the name of a function, the ops that count there, and whose formulas price them."""

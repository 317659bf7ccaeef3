"""What tools share that replace functions of torch by their own: see ``Convention.replaced``.

Such a tool replaces attributes of ``torch``, ``torch.nn.functional`` and ``torch.Tensor``. It sees
``torch.add(x, y)`` but not ``x + y``. It does not see what torch's C++ code calls.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest
from math import prod

from torch import Size

from ...core.ops import Ops
from ...core.trace import Call, Spec
from ...rules.binding import CallFormula
from ...rules.parameters import parameters_of_target
from .borrowed import aten

AVERAGES = aten("avg_pool1d avg_pool2d avg_pool3d")
ADAPTIVE_AVERAGES = aten(
    "adaptive_avg_pool1d _adaptive_avg_pool2d _adaptive_avg_pool3d mean adaptive_avg_pool2d "
    "adaptive_avg_pool3d"
)
MAXIMA = aten(
    "max_pool1d max_pool2d max_pool3d max_pool2d_with_indices max_pool3d_with_indices "
    "adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d"
)
UPSAMPLINGS = aten(
    "upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_linear1d "
    "upsample_bilinear2d upsample_bicubic2d upsample_trilinear3d _upsample_nearest_exact1d "
    "_upsample_nearest_exact2d _upsample_nearest_exact3d _upsample_bilinear2d_aa "
    "_upsample_bicubic2d_aa _upsample_lanczos2d_aa"
)
POOLS = {
    "avg_pool": AVERAGES,
    "adaptive_avg_pool": ADAPTIVE_AVERAGES,
    "max_pool": MAXIMA,
    "adaptive_max_pool": MAXIMA,
}
"""By the name of a function without its axes, the ops that it runs."""


def called_as(*, functional: str = "", of_torch: str = "", methods: str = "") -> frozenset[str]:
    """Names of functions, written as in ``OpRun.called``; spaces separate them in each argument.

    ``functional`` are functions of ``torch.nn.functional``, ``of_torch`` those of ``torch``, and
    ``methods`` those of a tensor.
    """
    return frozenset(
        (
            *(f"torch.nn.functional.{name}" for name in functional.split()),
            *(f"torch.{name}" for name in of_torch.split()),
            *(f"{owner}.{name}" for name in methods.split() for owner in ("", "torch.Tensor")),
        )
    )


def functional(names: str, ops: Iterable[str], target: str = "") -> dict[str, dict[str, str]]:
    """Functions of ``torch.nn.functional``, with spaces between, and the ops that count in them.

    The formula of ``target`` prices each op, by default its own.
    """
    counted = {op: target or op for op in ops}
    return dict.fromkeys(called_as(functional=names), counted)


def pools() -> dict[str, dict[str, str]]:
    """The pooling functions, and the ops that count in them."""
    return {
        called: ops
        for name, averages in POOLS.items()
        for axes in "123"
        for called, ops in functional(f"{name}{axes}d", averages).items()
    }


class Elements(CallFormula):
    """[*O] = f([*], ...): 1 per element of the input, of any dtype."""

    def __call__(self, path: str, call: Call) -> Ops:
        """The price of one call."""
        return Ops(specials=prod(call.args[0].shape))


class Elementwise(CallFormula):
    """[*] = op([*], [*]): 1 per element, of any dtype.

    The tools pair the axes of both operands from the first on, where torch begins with the last.
    """

    def __call__(self, path: str, call: Call) -> Ops:
        """The price of one call."""
        operands = (*call.args, *call.kwargs.values())[:2]
        shapes = [each.shape if isinstance(each, Spec) else Size() for each in operands]
        return Ops(adds=prod(map(max, zip_longest(*shapes, fillvalue=1))))


def scaled_elements(call: Call) -> int | None:
    """The elements of an input times all scales of an upsampling, rounded down.

    None if the code gave no scales, but a size.
    """
    given = dict(zip(parameters_of_target(call.target).positional, call.args, strict=False))
    given |= call.kwargs
    scales = [value for name, value in given.items() if name.startswith("scales") and value]
    if not scales:
        return None
    same = len(set(scales)) == 1  # the tools raise a scale to the number of axes
    factor = scales[0] ** len(scales) if same else prod(scales)
    return int(prod(call.args[0].shape) * factor)

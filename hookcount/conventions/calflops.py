"""The MACs and the FLOPs of ``calflops.calculate_flops``: see ``shared/python_patching.py``.

The tool sees neither ``@`` nor ``bmm`` nor attention in one op.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Size

from ..core.ops import Ops
from ..rules.convention import Convention
from ..rules.registry import Registry
from .shared import python_patching
from .shared.patched import Elementwise

FORMULAS = Registry(name="the formulas of calflops", home=f"{__name__}:FORMULAS")


@FORMULAS.register("aten::convolution")
def convolution(
    input: Size,
    weight: Size,
    bias: Size | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    groups: int,
    out: Size,
) -> Ops:
    """[N, Co, *O] = conv([N, Ci, *I], [Co, Ci/g, *K]): its products, and 1 per output for a bias.

    For a transposed convolution the tool divides the output channels of a group by the number of
    groups once more, without remainder. The bias costs as much as at the positions of a convolution
    that is not transposed, on the channels of one group.
    """
    if not transposed:
        return python_patching.convolution(input, weight, bias, transposed, out)
    products = prod(input) * (weight[1] // groups) * prod(weight[2:])
    each_axis = zip(input[2:], weight[2:], stride, padding, dilation, strict=True)
    places = prod(
        (size + 2 * pad - (spread * (kernel - 1) + 1)) // step + 1
        for size, kernel, step, pad, spread in each_axis
    )
    return Ops(macs=products, adds=0 if bias is None else weight[1] * input[0] * places)


FORMULAS.register("aten::add", Elementwise())
FORMULAS.register("aten::mul", Elementwise())
FORMULAS.register("aten::resize", python_patching.Interpolated(scaled=False))

LAYERS = FORMULAS.over(python_patching.FORMULAS, home=f"{__name__}:LAYERS")
_SHARED = (
    "a module inside of two others: the tool and its door add all calls of the module at each of "
    "them. A report has each call once."
)
CALFLOPS = Convention(
    "calflops",
    formulas=LAYERS,
    sees="listed",
    matches="type",
    replaced=python_patching.FUNCTIONS,
    mirrors="calflops 0.3.2, its MACs",
    exact=True,
    differs=(*python_patching.DIFFERS, _SHARED),
)
CALFLOPS_FLOPS = Convention(
    "calflops-flops",
    unit="FLOPs",
    weights=python_patching.FLOPS,
    formulas=LAYERS,
    sees="listed",
    matches="type",
    replaced=python_patching.FUNCTIONS,
    mirrors="calflops 0.3.2, its FLOPs",
    exact=True,
    differs=(*python_patching.FLOPS_DIFFER, _SHARED),
)

"""The MACs of ``calflops.calculate_flops``: see ``shared/python_patching.py``.

The tool sees neither ``@`` nor ``bmm`` nor attention in one op.
"""

from __future__ import annotations

from math import prod

from torch import Size

from ..core.ops import Ops
from ..formulas import arithmetic
from ..rules.convention import Convention
from ..rules.registry import Registry
from .shared import python_patching

FORMULAS = Registry(name="the formulas of calflops", home=f"{__name__}:FORMULAS")


@FORMULAS.register("aten::convolution")
@FORMULAS.register("aten::_convolution")
def convolution(input: Size, weight: Size, transposed: bool, groups: int, out: Size) -> Ops:
    """[N, Co, *O] = conv([N, Ci, *I], [Co, Ci/g, *K]): as in hookcount, without the bias.

    For a transposed convolution the tool divides the output channels of a group by the number of
    groups once more, without remainder.
    """
    if not transposed:
        return arithmetic.convolution(input, weight, out)
    return Ops(macs=prod(input) * (weight[1] // groups) * prod(weight[2:]))


LAYERS = FORMULAS.over(python_patching.FORMULAS, home=f"{__name__}:LAYERS")
CALFLOPS = Convention(
    "calflops",
    formulas=LAYERS,
    sees="listed",
    functions=python_patching.FUNCTIONS,
    mirrors="calflops 0.3.2, its MACs",
    exact=True,
    differs=(
        *python_patching.DIFFERS,
        "a module with two places in the tree: the tool adds all its calls at each of them",
    ),
)

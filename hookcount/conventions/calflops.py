"""The MACs of ``calflops.calculate_flops``: as ``patched.py`` says; neither ``@`` nor ``bmm`` nor attention in one op is seen."""

from __future__ import annotations

from math import prod

from torch import Size

from ..core.ops import Ops
from ..formulas import convolution as shipped
from ..rules.convention import Convention
from ..rules.registry import Registry
from .shared import python_patching as patched

FORMULAS = Registry(name="the formulas of calflops")


@FORMULAS.register("aten::convolution")
@FORMULAS.register("aten::_convolution")
def convolution(input: Size, weight: Size, transposed: bool, groups: int, out: Size) -> Ops:
    """As hookcount's; a transposed one's output channels of a group are divided by the groups once more, without remainder."""
    if not transposed:
        return Ops(macs=shipped.convolution(input, weight, None, False, out).macs)
    return Ops(macs=prod(input) * (weight[1] // groups) * prod(weight[2:]))


CALFLOPS = Convention(
    "calflops",
    formulas=FORMULAS.over(patched.FORMULAS),
    sees="listed",
    functions=patched.FUNCTIONS,
    mirrors="calflops 0.3.2, its MACs",
    exact=True,
    differs=(
        *patched.DIFFERS,
        "a module with two places in the tree: the tool adds all its calls at each of them",
    ),
)

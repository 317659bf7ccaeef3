"""``ptflops.get_model_complexity_info`` with its aten backend: torchvision's recipe and biases."""

from __future__ import annotations

from math import prod

from torch import Size

from ..core.ops import Ops
from ..formulas.convolution import convolution
from ..rules.convention import Convention
from ..rules.registry import FREE, Registry
from .shared.borrowed import contractions

FORMULAS = Registry(name="the formulas of ptflops", home=f"{__name__}:FORMULAS")

contractions(FORMULAS, ("aten::mm", "aten::bmm"))
FORMULAS.register("aten::convolution", convolution)
FORMULAS.register("aten::_convolution", convolution)
FORMULAS.register("aten::addmm_", FREE)


@FORMULAS.register("aten::addmm")
def addmm(mat1: Size, mat2: Size, out: Size) -> Ops:
    """[m, n] = self + [m, k] @ [k, n]: m * k * n, and 1 per output whatever the factors are."""
    return Ops(macs=prod(mat1) * mat2[1], adds=prod(out))


PTFLOPS = Convention(
    "ptflops",
    weights={"macs": 1, "adds": 1},
    formulas=FORMULAS,
    sees="listed",
    mirrors="ptflops 0.7.5, its aten backend",
    exact=True,
    differs=(
        "nn.TransformerEncoderLayer that is the model or a child of it: the tool's hooks take it "
        "off its fused path. The tool then sees two linear layers; hookcount does not see an "
        "encoder layer that ran as one op. Deeper in the model the tool does not see it either "
        "(encoder_layer_even).",
        "inference_mode: under it the tool sees matmul whole and does not see linear; hookcount "
        "counts as under no_grad",
    ),
)

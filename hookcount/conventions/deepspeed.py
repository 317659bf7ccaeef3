"""The MACs and the FLOPs of DeepSpeed's flops profiler: see ``shared/python_patching.py``.

The tool also sees ``@``, ``mm``, ``bmm`` and attention.
"""

from __future__ import annotations

from math import prod

from torch import Size

from ..core.ops import Ops
from ..rules.convention import Convention
from ..rules.registry import Registry
from .shared import python_patching
from .shared.borrowed import FUSED_ATTENTION, aten, contractions
from .shared.patched import called_as, functional

FORMULAS = Registry(name="the formulas of deepspeed", home=f"{__name__}:FORMULAS")

contractions(FORMULAS, FUSED_ATTENTION)
FORMULAS.register("aten::resize", python_patching.Interpolated(scaled=True))


@FORMULAS.register("aten::add")
@FORMULAS.register("aten::mul")
def elementwise(out: Size) -> Ops:
    """[*] = op([*], [*]): 1 per output."""
    return Ops(adds=prod(out))


_PRODUCTS = aten("mm bmm baddbmm addmm")
FUNCTIONS = {
    **python_patching.FUNCTIONS,
    **{
        called: {f"aten::{name}": f"aten::{name}"}
        for name in ("mm", "bmm")
        for called in called_as(of_torch=name, methods=name)
    },
    **{
        called: {"aten::matmul": "aten::matmul"}
        for called in ("@", "@=", "operator.matmul", *called_as(methods="__matmul__"))
    },
    **functional("scaled_dot_product_attention", (*FUSED_ATTENTION, *_PRODUCTS)),
}

LAYERS = FORMULAS.over(python_patching.FORMULAS, home=f"{__name__}:LAYERS")
DEEPSPEED = Convention(
    "deepspeed",
    formulas=LAYERS,
    sees="listed",
    matches="type",
    replaced=FUNCTIONS,
    mirrors="deepspeed 0.19.8, the MACs of its flops profiler",
    exact=True,
    differs=python_patching.DIFFERS,
)
DEEPSPEED_FLOPS = Convention(
    "deepspeed-flops",
    unit="FLOPs",
    weights=python_patching.FLOPS,
    formulas=LAYERS,
    sees="listed",
    matches="type",
    replaced=FUNCTIONS,
    mirrors="deepspeed 0.19.8, the FLOPs of its flops profiler",
    exact=True,
    differs=python_patching.FLOPS_DIFFER,
)

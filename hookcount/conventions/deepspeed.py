"""The MACs of DeepSpeed's flops profiler: see ``shared/python_patching.py``.

The tool also sees ``@``, ``mm``, ``bmm`` and attention.
"""

from __future__ import annotations

from ..rules.convention import Convention
from ..rules.registry import Registry
from .shared import python_patching
from .shared.borrowed import FUSED_ATTENTION, contractions

FORMULAS = Registry(name="the formulas of deepspeed", home=f"{__name__}:FORMULAS")

contractions(FORMULAS, FUSED_ATTENTION)

FUNCTIONS = (
    python_patching.FUNCTIONS
    | {"@", "@=", "operator.matmul"}
    | python_patching.called_as(
        functional="scaled_dot_product_attention", of_torch="mm bmm", methods="__matmul__ mm bmm"
    )
)

LAYERS = FORMULAS.over(python_patching.FORMULAS, home=f"{__name__}:LAYERS")
DEEPSPEED = Convention(
    "deepspeed",
    formulas=LAYERS,
    sees="listed",
    functions=FUNCTIONS,
    mirrors="deepspeed 0.19.8, the MACs of its flops profiler",
    exact=True,
    differs=python_patching.DIFFERS,
)

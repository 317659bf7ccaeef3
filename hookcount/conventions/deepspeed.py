"""The MACs of DeepSpeed's flops profiler: see ``patched.py``; ``@``, ``mm``, ``bmm``, attention are seen too."""

from __future__ import annotations

from ..rules.convention import Convention
from ..rules.registry import Registry
from .shared import python_patching as patched
from .shared.borrowed import contractions

FORMULAS = Registry(name="the formulas of deepspeed")

contractions(
    FORMULAS,
    (
        *(
            f"aten::_scaled_dot_product_{name}_attention"
            for name in ("efficient", "flash", "cudnn")
        ),
        "aten::_scaled_dot_product_flash_attention_for_cpu",
    ),
)

FUNCTIONS = (
    patched.FUNCTIONS
    | {"@", "@=", "operator.matmul"}
    | patched.called_as(
        functional="scaled_dot_product_attention", of_torch="mm bmm", methods="__matmul__ mm bmm"
    )
)

DEEPSPEED = Convention(
    "deepspeed",
    formulas=FORMULAS.over(patched.FORMULAS),
    sees="listed",
    functions=FUNCTIONS,
    mirrors="deepspeed 0.19.8, the MACs of its flops profiler",
    exact=True,
    differs=patched.DIFFERS,
)

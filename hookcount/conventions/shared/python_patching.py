"""What calflops and DeepSpeed's flops profiler share: one comes of the other.

Both put functions of their own in the place of some of torch's, and count what is called by those names: a product that
``torch.matmul`` made, not one of ``torch.einsum``. What torch's C++ calls by itself (an LSTM, attention in one op) is not seen.
"""

from __future__ import annotations

from math import prod

from torch import Size

from ...core.ops import Ops
from ...rules.registry import Registry
from . import tool_formulas as cells
from .borrowed import contractions


def called_as(*, functional: str = "", of_torch: str = "", methods: str = "") -> frozenset[str]:
    """Names as ``OpRun.called`` has them: of functions of ``torch.nn.functional`` and ``torch``, and of methods of a tensor."""
    return frozenset(
        (
            *(f"torch.nn.functional.{name}" for name in functional.split()),
            *(f"torch.{name}" for name in of_torch.split()),
            *(f"{owner}.{name}" for name in methods.split() for owner in ("", "torch.Tensor")),
        )
    )


FUNCTIONS = called_as(
    functional="linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d",
    of_torch="matmul addmm baddbmm _transformer_encoder_layer_fwd",
    methods="matmul addmm",
)

FORMULAS = Registry(name="what calflops and deepspeed share")

contractions(
    FORMULAS,
    (f"aten::{name}" for name in ("mm", "addmm", "bmm", "baddbmm", "convolution", "_convolution")),
)


@FORMULAS.register("aten::mv")
@FORMULAS.register("aten::dot")
def by_a_vector(self: Size, vector: Size) -> Ops:
    """[*] = [*, k] @ [k]: k times too much, since the last axis of the right operand is taken for its columns."""
    return Ops(macs=prod(self) * vector[0])


@FORMULAS.register("aten::_transformer_encoder_layer_fwd")
def encoder_layer(src: Size, ffn_weight_1: Size) -> Ops:
    """Under the tools' hooks the layer does not run as one op: its two linears; its attention does, and is not seen."""
    linears, _ = cells.encoder_layer(src, wide=ffn_weight_1[0])
    return linears


DIFFERS = (
    "matmul whose left operand is repeated for the right one's batch: the tool counts it once, not per repetition "
    "(x@y_bcast_lhs)",
    "padding='same' before a window of even length: the tool takes one position too few along that axis",
    "a function of torch that the code calls by a variable of its own is not seen here; the tool sees it if the code took it "
    "while the tool was at work",
)

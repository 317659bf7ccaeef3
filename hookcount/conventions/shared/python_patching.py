"""What calflops and DeepSpeed's flops profiler count alike: calflops was made from the profiler.

Both replace some of torch's functions by their own, and count the calls that use those names.
They see a product of ``torch.matmul``, but none of ``torch.einsum``. They do not see products
inside torch's C++ code, such as those of an LSTM or of attention in one op.
"""

from __future__ import annotations

from math import prod

from torch import Size

from ...core.ops import Ops
from ...rules.registry import Registry
from . import tool_formulas
from .borrowed import aten, contractions


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


FUNCTIONS = called_as(
    functional="linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d",
    of_torch="matmul addmm baddbmm _transformer_encoder_layer_fwd",
    methods="matmul addmm",
)

_NAME = "the shared formulas of calflops and deepspeed"
FORMULAS = Registry(name=_NAME, home=f"{__name__}:FORMULAS")

contractions(FORMULAS, aten("mm addmm bmm baddbmm convolution _convolution"))


@FORMULAS.register("aten::mv")
@FORMULAS.register("aten::dot")
def by_a_vector(self: Size, vector: Size) -> Ops:
    """[*] = [*, k] @ [k]: k times too much, as the tools take k for the number of columns."""
    return Ops(macs=prod(self) * vector[0])


@FORMULAS.register("aten::_transformer_encoder_layer_fwd")
def encoder_layer(src: Size, ffn_weight_1: Size) -> Ops:
    """[*, d] = encoder layer([*, d], [h, d]): the products of its two linear layers.

    Under the tools' hooks the layer does not run as one op. The tools do not see its attention.
    """
    linears, _ = tool_formulas.encoder_layer(src, wide=ffn_weight_1[0])
    return linears


DIFFERS = (
    "matmul that repeats its left operand for the right one's batch: the tool counts the product "
    "once, not once per repetition (x@y_bcast_lhs)",
    "padding='same' before a window of even length: the tool takes one position too few along "
    "that axis",
    "a function of torch that the code calls by a variable of its own: hookcount does not see it. "
    "The tool sees it if the code took the function while the tool was at work.",
)

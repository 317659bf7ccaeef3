"""``ActivationCountAnalysis``: the output elements of convolutions and products."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from torch import nn

from .jit_analysis import JitModelAnalysis, giga_and_unsupported
from .jit_handles import Handle, generic_activation_jit

SUPPORTED_OPS: dict[str, Handle] = {
    "aten::_convolution": generic_activation_jit("conv"),
    "aten::addmm": generic_activation_jit(),
    "aten::bmm": generic_activation_jit(),
    "aten::einsum": generic_activation_jit(),
    "aten::matmul": generic_activation_jit(),
    "aten::linear": generic_activation_jit(),
}
"""The handle of each op whose outputs fvcore counts."""

_DEFAULT_SUPPORTED_OPS = SUPPORTED_OPS  # its name in fvcore


class ActivationCountAnalysis(JitModelAnalysis):
    """The activations of ``model(*inputs)``, by module and by operator.

    An activation is an element of the output of a convolution or of a product. The differences from
    fvcore are those of ``FlopCountAnalysis``.
    """

    def __init__(self, model: nn.Module, inputs: object) -> None:
        super().__init__(model, inputs)
        self.set_op_handle(**SUPPORTED_OPS)


def activation_count(
    model: nn.Module,
    inputs: tuple[object, ...],
    supported_ops: Mapping[str, Handle | None] | None = None,
) -> tuple[defaultdict[str, float], Counter[str]]:
    """Each operator's activations in units of 10^6, and the calls of each unsupported op.

    ``supported_ops`` are more handles. Raises the errors of ``ActivationCountAnalysis`` and of
    ``set_op_handle``.
    """
    figures, missing = giga_and_unsupported(
        ActivationCountAnalysis(model, inputs), supported_ops, 1e6
    )
    return defaultdict(float, figures), missing

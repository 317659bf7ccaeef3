"""``FlopCountAnalysis``: the counts of fvcore for a model, by module and by operator."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from torch import nn

from .jit_analysis import JitModelAnalysis, giga_and_unsupported
from .jit_handles import (
    Handle,
    addmm_flop_jit,
    batchnorm_flop_jit,
    bmm_flop_jit,
    conv_flop_jit,
    einsum_flop_jit,
    elementwise_flop_counter,
    linear_flop_jit,
    matmul_flop_jit,
    norm_flop_counter,
)

SUPPORTED_OPS: dict[str, Handle] = {
    "aten::addmm": addmm_flop_jit,
    "aten::bmm": bmm_flop_jit,
    "aten::_convolution": conv_flop_jit,
    "aten::einsum": einsum_flop_jit,
    "aten::matmul": matmul_flop_jit,
    "aten::mm": matmul_flop_jit,
    "aten::linear": linear_flop_jit,
    "aten::batch_norm": batchnorm_flop_jit,
    "aten::group_norm": norm_flop_counter(2),
    "aten::layer_norm": norm_flop_counter(2),
    "aten::instance_norm": norm_flop_counter(1),
    "aten::upsample_nearest2d": elementwise_flop_counter(0, 1),
    "aten::upsample_bilinear2d": elementwise_flop_counter(0, 4),
    "aten::adaptive_avg_pool2d": elementwise_flop_counter(1, 0),
    "aten::grid_sampler": elementwise_flop_counter(0, 4),
}
"""The handle of each op that fvcore counts. A new analysis has those that are here then."""

_DEFAULT_SUPPORTED_OPS = SUPPORTED_OPS  # its name in fvcore


class FlopCountAnalysis(JitModelAnalysis):
    """The counts of fvcore for ``model(*inputs)``, by module and by operator.

    The differences from fvcore 0.1.5:

    - Arithmetic on sizes (``x.shape[1] * 2``) runs no op. It is therefore not in
      ``unsupported_ops``, and a module that does nothing else is uncalled.
    - An einsum counts exactly, not to four digits.
    - A model that fvcore cannot trace (a dict of outputs, a ``ScriptModule``, checkpoints with
      ``use_reentrant=True``), or that fails one of its assertions (a product with a vector), counts
      here.
    - ``unsupported_ops`` counts if no figure was needed before. ``copy`` keeps every setting.
    """

    def __init__(self, model: nn.Module, inputs: object) -> None:
        super().__init__(model, inputs)
        self.set_op_handle(**SUPPORTED_OPS)


def flop_count(
    model: nn.Module,
    inputs: tuple[object, ...],
    supported_ops: Mapping[str, Handle | None] | None = None,
) -> tuple[defaultdict[str, float], Counter[str]]:
    """Each operator's figure in units of 10^9, and the number of calls of each unsupported op.

    ``supported_ops`` are more handles. Raises the errors of ``FlopCountAnalysis`` and of
    ``set_op_handle``.
    """
    figures, missing = giga_and_unsupported(FlopCountAnalysis(model, inputs), supported_ops, 1e9)
    return defaultdict(float, figures), missing

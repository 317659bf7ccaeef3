"""``hookcount.compat.mmengine.complexity_analysis``: FLOPs, activations and parameters."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from torch import nn

from ...observe.module_tree import type_name
from ...tables.ascii import ascii_table
from ..fvcore.activation_count import SUPPORTED_OPS as ACTIVATION_OPS
from ..fvcore.flop_count import SUPPORTED_OPS as FLOP_OPS
from ..fvcore.jit_analysis import JitModelAnalysis, giga_and_unsupported
from ..fvcore.jit_handles import Handle
from ..fvcore.parameter_count import parameter_count, parameter_rows

__all__ = [
    "ActivationAnalyzer",
    "FlopAnalyzer",
    "activation_count",
    "flop_count",
    "parameter_count",
    "parameter_count_table",
]

_DEFAULT_SUPPORTED_FLOP_OPS: dict[str, Handle] = dict(FLOP_OPS)
"""The handle of each op that mmengine counts. A new analyzer has those that are here then."""

_DEFAULT_SUPPORTED_ACT_OPS: dict[str, Handle] = dict(ACTIVATION_OPS)
"""The handle of each op whose outputs mmengine counts."""


class FlopAnalyzer(JitModelAnalysis):
    """The counts of mmengine for ``model(*inputs)``, by module and by operator.

    They are those of fvcore. The differences from the tool are those of ``FlopCountAnalysis`` in
    ``hookcount.compat.fvcore``.
    """

    def __init__(self, model: nn.Module, inputs: object) -> None:
        super().__init__(model, inputs)
        self.set_op_handle(**_DEFAULT_SUPPORTED_FLOP_OPS)


class ActivationAnalyzer(JitModelAnalysis):
    """The output elements of convolutions and products, by module and by operator."""

    def __init__(self, model: nn.Module, inputs: object) -> None:
        super().__init__(model, inputs)
        self.set_op_handle(**_DEFAULT_SUPPORTED_ACT_OPS)


def flop_count(
    model: nn.Module,
    inputs: tuple[object, ...],
    supported_ops: Mapping[str, Handle | None] | None = None,
) -> tuple[defaultdict[str, float], Counter[str]]:
    """Each operator's figure in units of 10^9, and the number of calls of each unsupported op.

    ``supported_ops`` are more handles. Raises the errors of ``FlopAnalyzer`` and of
    ``set_op_handle``.
    """
    figures, missing = giga_and_unsupported(FlopAnalyzer(model, inputs), supported_ops, 1e9)
    return defaultdict(float, figures), missing


def activation_count(
    model: nn.Module,
    inputs: tuple[object, ...],
    supported_ops: Mapping[str, Handle | None] | None = None,
) -> tuple[defaultdict[str, float], Counter[str]]:
    """Each operator's activations in units of 10^6, and the calls of each unsupported op.

    ``supported_ops`` are more handles. Raises the errors of ``ActivationAnalyzer`` and of
    ``set_op_handle``.
    """
    figures, missing = giga_and_unsupported(ActivationAnalyzer(model, inputs), supported_ops, 1e6)
    return defaultdict(float, figures), missing


def parameter_count_table(model: nn.Module, max_depth: int = 3) -> str:
    """The table of ``parameter_count``. A parameter has its shape instead of its elements.

    It has the names with at most ``max_depth`` parts.
    """
    titles, rows = parameter_rows(model, max_depth)
    return ascii_table(titles, rows, f"parameter count of {type_name(model)}")

"""The hooks of thop, to give in ``custom_ops``. Each adds the MACs of a call to ``m.total_ops``.

A hook is called as ``hook(m, x, y)`` with the module, its arguments and its result.
"""

from __future__ import annotations

from typing import Any

from ....conventions import thop
from ....conventions.shared import tool_formulas
from ....core.ops import Ops


def _add(m: Any, ops: Ops) -> None:
    m.total_ops += thop.THOP.figure(ops)


def count_parameters(m: Any, x: Any, y: Any) -> None:
    """Set ``m.total_params`` to the parameters of the module."""
    m.total_params[0] = sum(each.numel() for each in m.parameters())


def zero_ops(m: Any, x: Any, y: Any) -> None:
    """Nothing."""


def count_convNd(m: Any, x: Any, y: Any) -> None:
    """[N, Co, *O] = conv([N, Ci, *I]): Ci/g * prod(K) per output."""
    _add(m, thop.convolution(m, x[0].shape, y.shape))


def count_normalization(m: Any, x: Any, y: Any) -> None:
    """[*] = norm([*]): 2 per element, 4 with a weight."""
    _add(m, tool_formulas.norm(m, x[0].shape))


def count_prelu(m: Any, x: Any, y: Any) -> None:
    """[*] = prelu([*]): 1 per element in eval mode."""
    if not m.training:
        _add(m, thop.prelu(x[0].shape))


def count_relu(m: Any, x: Any, y: Any) -> None:
    """Nothing: a comparison is no work."""


def count_softmax(m: Any, x: Any, y: Any) -> None:
    """[*] = softmax([*]): 3n - 1 per row of n."""
    _add(m, thop.softmax(m, x[0].shape))


def count_avgpool(m: Any, x: Any, y: Any) -> None:
    """[N, C, *O] = average pool([N, C, *I]): 1 per output."""
    _add(m, thop.avg_pool(y.shape))


def count_adap_avgpool(m: Any, x: Any, y: Any) -> None:
    """[N, C, *O] = adaptive average pool([N, C, *I]): the mean window and 1, per output."""
    _add(m, thop.adaptive_avg_pool(x[0].shape, y.shape))


def count_upsample(m: Any, x: Any, y: Any) -> None:
    """[N, C, *O] = upsample([N, C, *I]): 1, 5, 11 or 259 per output, by the mode."""
    _add(m, thop.upsample(m, y.shape))


def count_linear(m: Any, x: Any, y: Any) -> None:
    """[*, n] = linear([*, k]): k per output."""
    _add(m, tool_formulas.linear(m, y.shape))

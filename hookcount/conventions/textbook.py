"""The FLOPs of textbooks: 2K - 1 for a dot product of length K, 1 more for a bias, and a price per kind of layer.

What they do not name is counted as hookcount does, each primitive operation as one.
"""

from __future__ import annotations

from math import prod
from typing import Any

from torch import Size, nn

from ..core.ops import Ops
from ..formulas import BUILTIN
from ..rules.convention import Convention
from ..rules.registry import FREE, Registry, Target, target_name
from .shared import tool_formulas as cells
from .shared.borrowed import changed, rule_of

FORMULAS = Registry(name="the formulas of textbooks")
_rule = rule_of(FORMULAS)


def _dot_products(ops: Ops, out: Size) -> Ops:
    """One of the K products of each output is not added to anything: it is a multiplication only."""
    alone = min(prod(out), ops.macs)
    return Ops(macs=ops.macs - alone, muls=alone) + Ops(adds=ops.adds)


_TARGETS: tuple[Target, ...] = (
    *(
        nn.Linear,
        nn.Conv1d,
        nn.Conv2d,
        nn.Conv3d,
        nn.ConvTranspose1d,
        nn.ConvTranspose2d,
        nn.ConvTranspose3d,
    ),
    *(f"aten::{name}" for name in ("mm", "addmm", "bmm", "baddbmm", "convolution", "_convolution")),
)

for _target in _TARGETS:
    _entry = BUILTIN.get(target_name(_target))
    if _entry is not None and callable(_entry.price):
        FORMULAS.register(_target, changed(_entry.price, _dot_products))


@_rule(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
def batch_norm_module(input: Size) -> Ops:
    """4 per element."""
    return Ops(muls=4 * prod(input))


@_rule("aten::native_batch_norm", "aten::_native_batch_norm_legit_no_training")
def batch_norm(input: Size) -> Ops:
    """4 per element."""
    return Ops(muls=4 * prod(input))


@_rule(nn.Softmax)
def softmax_module(module: Any, input: Size) -> Ops:
    """3n - 1 per row of n."""
    return softmax(input, -1 if module.dim is None else module.dim)


@_rule("aten::_softmax", "aten::_safe_softmax")
def softmax(self: Size, dim: int) -> Ops:
    """3n - 1 per row of n."""
    n = self[dim] if self else 1
    return cells.softmax(prod(self) // n if n else 0, n)


@_rule(nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
def avg_pool_module(module: Any, out: Size) -> Ops:
    """k + 1 per output, of windows of k."""
    axes = 1 if isinstance(module, nn.AvgPool1d) else 3 if isinstance(module, nn.AvgPool3d) else 2
    return _pool(module.kernel_size, axes, out)


@_rule("aten::avg_pool2d")
def avg_pool2d(kernel_size: Any, out: Size) -> Ops:
    """k + 1 per output, of windows of k."""
    return _pool(kernel_size, 2, out)


@_rule("aten::avg_pool3d")
def avg_pool3d(kernel_size: Any, out: Size) -> Ops:
    """k + 1 per output, of windows of k."""
    return _pool(kernel_size, 3, out)


def _pool(kernel: Any, axes: int, out: Size) -> Ops:
    sides = (kernel,) if isinstance(kernel, int) else tuple(kernel)
    window = prod(sides * axes if len(sides) == 1 else sides)
    return Ops(adds=window * prod(out), specials=prod(out))


@_rule(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
def adaptive_avg_pool_module(input: Size, out: Size) -> Ops:
    """k + 1 per output, of windows of k, which may overlap."""
    return Ops(adds=cells.windows(input, out), specials=prod(out))


@_rule("aten::_adaptive_avg_pool2d", "aten::_adaptive_avg_pool3d")
def adaptive_avg_pool(self: Size, out: Size) -> Ops:
    """k + 1 per output, of windows of k, which may overlap."""
    return Ops(adds=cells.windows(self, out), specials=prod(out))


@_rule(nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
def max_pool_module(out: Any) -> Ops:
    """1 per output."""
    return Ops(compares=prod(out if isinstance(out, Size) else out[0]))


@_rule("aten::max_pool2d_with_indices", "aten::max_pool3d_with_indices")
def max_pool(out: Any) -> Ops:
    """1 per output."""
    return Ops(compares=prod(out[0]))


for _dropout in (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, "aten::native_dropout"):
    FORMULAS.register(_dropout, FREE)

TEXTBOOK = Convention(
    "textbook",
    unit="FLOPs",
    weights={"macs": 2, "adds": 1, "muls": 1, "compares": 1, "specials": 1},
    formulas=FORMULAS,
    mirrors="the literature",
)

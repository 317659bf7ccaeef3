"""The FLOPs of textbooks: 2K - 1 for a dot product of length K, 1 more for a bias.

Other kinds of layers have a price of their own. For those that textbooks do not name, each
primitive operation counts as one, as in hookcount.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Size, nn

from ..core.ops import Ops
from ..formulas import BUILTIN
from ..formulas.pooling import taps_of
from ..rules.convention import Convention
from ..rules.registry import FREE, Registry, Target, target_name
from .shared import tool_formulas
from .shared.borrowed import aten, changed, rule_of

FORMULAS = Registry(name="the formulas of textbooks", home=f"{__name__}:FORMULAS")
_rule = rule_of(FORMULAS)


def _dot_products(ops: Ops, out: Size) -> Ops:
    """One of the K products of each output is not added to anything: it is a multiplication."""
    first = min(prod(out), ops.macs)
    return Ops(macs=ops.macs - first, muls=first) + Ops(adds=ops.adds)


_TARGETS: tuple[Target, ...] = (
    *(nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
    *aten("mm addmm bmm baddbmm convolution _convolution"),
)

for _target in _TARGETS:
    _entry = BUILTIN.get(target_name(_target))
    if _entry is not None and callable(_entry.price):
        FORMULAS.register(_target, changed(_entry.price, _dot_products))


@_rule(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
@_rule("aten::native_batch_norm", "aten::_native_batch_norm_legit_no_training")
def batch_norm(input: Size) -> Ops:
    """[N, C, *] = batch norm([N, C, *]): 4 per element."""
    return Ops(muls=4 * prod(input))


@_rule(nn.Softmax)
def softmax_module(module: nn.Softmax, input: Size) -> Ops:
    """[*] = softmax([*]): 3n - 1 per row of n."""
    return softmax(input, -1 if module.dim is None else module.dim)


@_rule("aten::_softmax", "aten::_safe_softmax")
def softmax(self: Size, dim: int) -> Ops:
    """[*] = softmax([*]): 3n - 1 per row of n."""
    n = self[dim] if self else 1
    return tool_formulas.softmax(prod(self) // n if n else 0, n)


@_rule(nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
def avg_pool_module(module: tool_formulas.AveragePool, out: Size) -> Ops:
    """[N, C, *O] = average pool([N, C, *I]): k + 1 per output, for windows of k elements."""
    return _pool(module.kernel_size, tool_formulas.pooled_axes(module), out)


@_rule("aten::avg_pool2d")
def avg_pool2d(kernel_size: Sequence[int], out: Size) -> Ops:
    """[N, C, *O] = average pool([N, C, *I]): k + 1 per output, for windows of k elements."""
    return _pool(kernel_size, 2, out)


@_rule("aten::avg_pool3d")
def avg_pool3d(kernel_size: Sequence[int], out: Size) -> Ops:
    """[N, C, *O] = average pool([N, C, *I]): k + 1 per output, for windows of k elements."""
    return _pool(kernel_size, 3, out)


def _pool(kernel: int | Sequence[int], axes: int, out: Size) -> Ops:
    return Ops(adds=taps_of(kernel, axes) * prod(out), specials=prod(out))


@_rule(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
def adaptive_avg_pool_module(input: Size, out: Size) -> Ops:
    """[N, C, *O] = adaptive average pool([N, C, *I]): k + 1 per output, for windows of k.

    Windows may overlap.
    """
    return tool_formulas.adaptive_average(input, out)


@_rule("aten::_adaptive_avg_pool2d", "aten::_adaptive_avg_pool3d")
def adaptive_avg_pool(self: Size, out: Size) -> Ops:
    """[N, C, *O] = adaptive average pool([N, C, *I]): k + 1 per output, for windows of k.

    Windows may overlap.
    """
    return tool_formulas.adaptive_average(self, out)


@_rule(nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
@_rule("aten::max_pool2d_with_indices", "aten::max_pool3d_with_indices")
def max_pool(out: Size | tuple[Size, Size]) -> Ops:
    """[N, C, *O] (, indices) = max pool([N, C, *I]): 1 per output."""
    return Ops(compares=prod(out if isinstance(out, Size) else out[0]))


for _dropout in (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, "aten::native_dropout"):
    FORMULAS.register(_dropout, FREE)

TEXTBOOK = Convention(
    "textbook",
    unit="FLOPs",
    weights={"macs": 2, "adds": 1, "muls": 1, "compares": 1, "specials": 1},
    formulas=FORMULAS,
    mirrors="the literature",
)

"""Pooling over fixed windows and over adaptive windows, and unpooling.

In the equations N is the batch, C are the channels, I the input sizes, O the output sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Size, nn

from ..core.ops import Ops
from .arithmetic import Outputs, first
from .builtin import formula, free, observed


def taps_of(kernel_size: int | Sequence[int], axes: int) -> int:
    """The number of values in a window. A single number is the size along every axis."""
    sizes = (kernel_size,) if isinstance(kernel_size, int) else tuple(kernel_size)
    return prod(sizes) if len(sizes) == axes else int(sizes[0]) ** axes


def _pooled(out: Outputs) -> int:
    """The number of pooled values, whether the call also returned their indices or not."""
    return prod(first(out))


def maximum(outputs: int, taps: int) -> Ops:
    """[outputs] = the largest of ``taps`` values: taps - 1 compares per output.

    Windows that reach into the padding are counted whole.
    """
    return Ops(compares=outputs * (taps - 1))


def average(outputs: int, taps: int) -> Ops:
    """[outputs] = the mean of ``taps`` values: taps - 1 adds and a division per output.

    Windows that reach into the padding are counted whole.
    """
    return Ops(adds=outputs * (taps - 1), specials=outputs)


@formula(nn.MaxPool1d, kind="pooling")
def max_pool1d_module(module: nn.MaxPool1d, out: Outputs) -> Ops:
    """[N, C, O] = max over windows of [N, C, I]: k - 1 compares per output."""
    return maximum(_pooled(out), taps_of(module.kernel_size, 1))


@formula(nn.MaxPool2d, kind="pooling")
@formula(nn.FractionalMaxPool2d, kind="pooling")
def max_pool2d_module(module: nn.MaxPool2d | nn.FractionalMaxPool2d, out: Outputs) -> Ops:
    """[N, C, *O] = max over windows of [N, C, *I]: kh * kw - 1 compares per output."""
    return maximum(_pooled(out), taps_of(module.kernel_size, 2))


@formula(nn.MaxPool3d, kind="pooling")
@formula(nn.FractionalMaxPool3d, kind="pooling")
def max_pool3d_module(module: nn.MaxPool3d | nn.FractionalMaxPool3d, out: Outputs) -> Ops:
    """[N, C, *O] = max over windows of [N, C, *I]: kd * kh * kw - 1 compares per output."""
    return maximum(_pooled(out), taps_of(module.kernel_size, 3))


@formula(nn.AvgPool1d, kind="pooling")
def avg_pool1d_module(module: nn.AvgPool1d, out: Size) -> Ops:
    """[N, C, O] = mean over windows of [N, C, I]: k - 1 adds and a division per output."""
    return average(prod(out), taps_of(module.kernel_size, 1))


@formula(nn.AvgPool2d, kind="pooling")
def avg_pool2d_module(module: nn.AvgPool2d, out: Size) -> Ops:
    """[N, C, *O] = mean over windows of [N, C, *I]: kh * kw - 1 adds and a division per output."""
    return average(prod(out), taps_of(module.kernel_size, 2))


@formula(nn.AvgPool3d, kind="pooling")
def avg_pool3d_module(module: nn.AvgPool3d, out: Size) -> Ops:
    """[N, C, *O] = mean over windows of [N, C, *I].

    Per output kd * kh * kw - 1 adds and a division.
    """
    return average(prod(out), taps_of(module.kernel_size, 3))


@formula("aten::max_pool1d", kind="pooling")
@formula("aten::max_pool1d_with_indices", kind="pooling")
@formula("aten::quantized_max_pool1d", kind="pooling")
@formula("quantized::max_pool1d", kind="pooling")
def max_pool1d(kernel_size: Sequence[int], out: Outputs) -> Ops:
    """[N, C, O] = max over windows of [N, C, I]: k - 1 compares per output."""
    return maximum(_pooled(out), taps_of(kernel_size, 1))


@formula("aten::max_pool2d", kind="pooling")
@formula("aten::max_pool2d_with_indices", kind="pooling")
@formula("aten::mkldnn_max_pool2d", kind="pooling")
@formula("aten::quantized_max_pool2d", kind="pooling")
@formula("quantized::max_pool2d", kind="pooling")
@formula("aten::fractional_max_pool2d", kind="pooling")
def max_pool2d(kernel_size: Sequence[int], out: Outputs) -> Ops:
    """[N, C, *O] = max over windows of [N, C, *I]: kh * kw - 1 compares per output."""
    return maximum(_pooled(out), taps_of(kernel_size, 2))


@formula("aten::max_pool3d", kind="pooling")
@formula("aten::max_pool3d_with_indices", kind="pooling")
@formula("aten::mkldnn_max_pool3d", kind="pooling")
@formula("aten::quantized_max_pool3d", kind="pooling")
@formula("aten::fractional_max_pool3d", kind="pooling")
def max_pool3d(kernel_size: Sequence[int], out: Outputs) -> Ops:
    """[N, C, *O] = max over windows of [N, C, *I]: kd * kh * kw - 1 compares per output."""
    return maximum(_pooled(out), taps_of(kernel_size, 3))


@formula("aten::avg_pool1d", kind="pooling")
def avg_pool1d(kernel_size: Sequence[int], out: Size) -> Ops:
    """[N, C, O] = mean over windows of [N, C, I]: k - 1 adds and a division per output."""
    return average(prod(out), taps_of(kernel_size, 1))


@formula("aten::avg_pool2d", kind="pooling")
def avg_pool2d(kernel_size: Sequence[int], out: Size) -> Ops:
    """[N, C, *O] = mean over windows of [N, C, *I]: kh * kw - 1 adds and a division per output."""
    return average(prod(out), taps_of(kernel_size, 2))


@formula("aten::avg_pool3d", kind="pooling")
def avg_pool3d(kernel_size: Sequence[int], out: Size) -> Ops:
    """[N, C, *O] = mean over windows of [N, C, *I].

    Per output kd * kh * kw - 1 adds and a division.
    """
    return average(prod(out), taps_of(kernel_size, 3))


def window_sums(input: Sequence[int], out: Sequence[int], axes: int) -> int:
    """The number of values in all adaptive windows together.

    Along an axis of I values, output i of n spans floor(i I / n) up to ceil((i + 1) I / n).
    """
    held = prod(out[: len(out) - axes])
    for size, n in zip(input[-axes:], out[-axes:], strict=True):
        held *= sum(-(-(i + 1) * size // n) - i * size // n for i in range(n))
    return held


def adaptive_average(input: Sequence[int], out: Sequence[int], axes: int) -> Ops:
    """[*, *O] = mean over windows of [*, *I], each counted by its real size.

    A window of k values takes k - 1 adds and a division.
    """
    return Ops(adds=window_sums(input, out, axes) - prod(out), specials=prod(out))


def adaptive_maximum(input: Sequence[int], out: Outputs, axes: int) -> Ops:
    """[*, *O] = max over windows of [*, *I], each counted by its real size: k - 1 compares."""
    pooled = first(out)
    return Ops(compares=window_sums(input, pooled, axes) - prod(pooled))


@formula(nn.AdaptiveAvgPool1d, kind="pooling")
def adaptive_avg_pool1d_module(input: Size, out: Size) -> Ops:
    """[N, C, O] = mean over O windows of [N, C, I]: see ``adaptive_average``."""
    return adaptive_average(input, out, 1)


@formula(nn.AdaptiveAvgPool2d, kind="pooling")
def adaptive_avg_pool2d_module(input: Size, out: Size) -> Ops:
    """[N, C, *O] = mean over prod(O) windows of [N, C, *I]: see ``adaptive_average``."""
    return adaptive_average(input, out, 2)


@formula(nn.AdaptiveAvgPool3d, kind="pooling")
def adaptive_avg_pool3d_module(input: Size, out: Size) -> Ops:
    """[N, C, *O] = mean over prod(O) windows of [N, C, *I]: see ``adaptive_average``."""
    return adaptive_average(input, out, 3)


@formula(nn.AdaptiveMaxPool1d, kind="pooling")
def adaptive_max_pool1d_module(input: Size, out: Outputs) -> Ops:
    """[N, C, O] = max over O windows of [N, C, I]: see ``adaptive_maximum``."""
    return adaptive_maximum(input, out, 1)


@formula(nn.AdaptiveMaxPool2d, kind="pooling")
def adaptive_max_pool2d_module(input: Size, out: Outputs) -> Ops:
    """[N, C, *O] = max over prod(O) windows of [N, C, *I]: see ``adaptive_maximum``."""
    return adaptive_maximum(input, out, 2)


@formula(nn.AdaptiveMaxPool3d, kind="pooling")
def adaptive_max_pool3d_module(input: Size, out: Outputs) -> Ops:
    """[N, C, *O] = max over prod(O) windows of [N, C, *I]: see ``adaptive_maximum``."""
    return adaptive_maximum(input, out, 3)


@formula("aten::_adaptive_avg_pool2d", kind="pooling")
@formula("aten::adaptive_avg_pool2d", kind="pooling")
@formula("aten::mkldnn_adaptive_avg_pool2d", kind="pooling")
def adaptive_avg_pool2d(self: Size, out: Size) -> Ops:
    """[N, C, *O] = mean over prod(O) windows of [N, C, *I]: see ``adaptive_average``.

    For an output of one value torch runs ``mean`` instead, which costs the same.
    """
    return adaptive_average(self, out, 2)


@formula("aten::_adaptive_avg_pool3d", kind="pooling")
@formula("aten::adaptive_avg_pool3d", kind="pooling")
def adaptive_avg_pool3d(self: Size, out: Size) -> Ops:
    """[N, C, *O] = mean over prod(O) windows of [N, C, *I]: see ``adaptive_average``.

    For an output of one value torch runs ``mean`` instead, which costs the same.
    """
    return adaptive_average(self, out, 3)


@formula("aten::adaptive_max_pool2d", kind="pooling")
def adaptive_max_pool2d(self: Size, out: Outputs) -> Ops:
    """[N, C, *O] = max over prod(O) windows of [N, C, *I]: see ``adaptive_maximum``."""
    return adaptive_maximum(self, out, 2)


@formula("aten::adaptive_max_pool3d", kind="pooling")
def adaptive_max_pool3d(self: Size, out: Outputs) -> Ops:
    """[N, C, *O] = max over prod(O) windows of [N, C, *I]: see ``adaptive_maximum``."""
    return adaptive_maximum(self, out, 3)


free(["aten::max_unpool2d", "aten::max_unpool3d"])
observed(
    [nn.LPPool1d, nn.LPPool2d, "torch.nn.LPPool3d", nn.MaxUnpool1d, nn.MaxUnpool2d, nn.MaxUnpool3d]
)

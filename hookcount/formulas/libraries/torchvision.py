"""torchvision's ops and layers, by name: nothing here imports torchvision."""

from __future__ import annotations

from math import ceil, log2, prod
from typing import Any

from torch import Size

from ...core.ops import Ops
from .. import arithmetic
from ..arithmetic import convolution
from ..builtin import formula, observed
from ..pooling import average, maximum
from ..resampling import weighted_taps


@formula("torchvision::deform_conv2d", kind="convolution")
def deform_conv2d(input: Size, weight: Size, use_mask: bool, out: Size) -> Ops:
    """[N, Co, H, W] = conv of [N, Ci, *I] sampled where [N, 2 * og * kh * kw, H, W] says, times the mask, if one is used.

    The convolution; each of its Ci * kh * kw taps per position is bilinear, 4 taps of its own, and a mul for the mask. Where
    they lie is worked out per offset and left out. The bias is an add per output: a layer without one adds zeros.
    """
    samples = out[0] * input[1] * prod(weight[2:]) * prod(out[2:])
    ops = convolution(input, weight, out) + weighted_taps(samples, 4) + arithmetic.bias(prod(out))
    return ops + Ops(muls=samples) if use_mask else ops


def _aligned(pooled: Size, input: Size, sampling_ratio: int) -> Ops:
    """The mean of bilinear samples, 4 taps each, on a grid in each bin.

    Without a fixed ``sampling_ratio`` torchvision takes a sample per position of the map in the bin, which depends on the
    region: the figure is that of a region as large as the map, an upper bound.
    """
    samples = sampling_ratio * sampling_ratio if sampling_ratio > 0 else _bin(input, pooled)
    outputs = prod(pooled)
    return weighted_taps(outputs * samples, 4) + average(outputs, samples)


@formula("torchvision::roi_align", kind="pooling")
def roi_align(input: Size, sampling_ratio: int, out: Size) -> Ops:
    """[K, C, h, w] = the mean of bilinear samples of [N, C, H, W] in each bin of K regions: see ``_aligned``."""
    return _aligned(out, input, sampling_ratio)


@formula("torchvision::ps_roi_align", kind="pooling")
def ps_roi_align(input: Size, sampling_ratio: int, out: Any) -> Ops:
    """[K, C / (h * w), h, w] = the mean of bilinear samples of [N, C, H, W], each bin from channels of its own: ``_aligned``."""
    return _aligned(out[0], input, sampling_ratio)


@formula("torchvision::qroi_align", kind="pooling")
def qroi_align(input: Size, sampling_ratio: int, out: Size) -> Ops:
    """[K, C, h, w] = the mean of bilinear samples of a quantized [N, C, H, W]: see ``_aligned``."""
    return _aligned(out, input, sampling_ratio)


def _bin(input: Size, pooled: Size) -> int:
    """The positions in a bin of a region as large as the map: how large a region is, shapes do not tell."""
    return ceil(input[-2] / pooled[-2]) * ceil(input[-1] / pooled[-1])


@formula("torchvision::roi_pool", kind="pooling")
def roi_pool(input: Size, out: Any) -> Ops:
    """[K, C, h, w] = the largest of [N, C, H, W] in each bin of K regions; regions are taken as large as the map: a bound."""
    return maximum(prod(out[0]), _bin(input, out[0]))


@formula("torchvision::ps_roi_pool", kind="pooling")
def ps_roi_pool(input: Size, out: Any) -> Ops:
    """[K, C / (h * w), h, w] = the mean of [N, C, H, W] in each bin; regions are taken as large as the map: a bound."""
    return average(prod(out[0]), _bin(input, out[0]))


@formula("torchvision::nms", kind="sorting")
@formula("torchvision::qnms", kind="sorting")
def nms(dets: Size) -> Ops:
    """[kept] = non-maximum suppression of [n, 4] boxes: a sort, n areas, and an overlap for each of n * (n - 1) / 2 pairs.

    How many pairs are looked at depends on the boxes: all of them is an upper bound. The sort is n * ceil(log2 n) compares,
    an area 2 subtractions and a mul, an overlap 4 extremes, 2 differences, each at least 0, a product, the union's sum and
    difference, a division and the compare with the threshold.
    """
    n = dets[0]
    if n < 2:
        return Ops(adds=2 * n, muls=n)
    overlap = Ops(adds=2 + 2, muls=1, compares=4 + 2 + 1, specials=1)
    return Ops(adds=2 * n, muls=n, compares=n * ceil(log2(n))) + overlap * (n * (n - 1) // 2)


observed(
    f"torchvision.ops.{name}"
    for name in (
        "Conv2dNormActivation",
        "Conv3dNormActivation",
        "DeformConv2d",
        "DropBlock2d",
        "DropBlock3d",
        "FeaturePyramidNetwork",
        "FrozenBatchNorm2d",
        "MLP",
        "MultiScaleRoIAlign",
        "PSRoIAlign",
        "PSRoIPool",
        "Permute",
        "RoIAlign",
        "RoIPool",
        "SqueezeExcitation",
        "StochasticDepth",
    )
)

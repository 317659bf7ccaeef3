"""torchvision's ops and layers, by name. Nothing here imports torchvision."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log2, prod

from torch import Size

from ...core.ops import Ops
from .. import arithmetic
from ..arithmetic import convolution
from ..builtin import formula, observed
from ..gradients.resampling import sampler_backward, spread
from ..pooling import average, maximum
from ..resampling import weighted_taps


@formula("torchvision::deform_conv2d", kind="convolution")
def deform_conv2d(input: Size, weight: Size, use_mask: bool, out: Size) -> Ops:
    """[N, Co, H, W] = conv([N, Ci, *I] sampled at offsets [N, 2 * og * kh * kw, H, W], [Co, ...]).

    The convolution has Ci * kh * kw taps per position. Each is a bilinear sample of 4 taps, and a
    mul if there is a mask. The bias is an add per output: a layer without a bias adds zeros. The
    positions of the samples are computed per offset, which is not counted.
    """
    samples = out[0] * input[1] * prod(weight[2:]) * prod(out[2:])
    ops = convolution(input, weight, out) + weighted_taps(samples, 4) + arithmetic.bias(prod(out))
    return ops + Ops(muls=samples) if use_mask else ops


def _aligned(pooled: Size, input: Size, sampling_ratio: int) -> Ops:
    """The mean of bilinear samples, 4 taps each, on a grid in each bin.

    Without a fixed ``sampling_ratio`` torchvision takes a sample per position of the map in the
    bin. Their number depends on the region. The count is that of a region as large as the map, an
    upper bound.
    """
    samples = sampling_ratio * sampling_ratio if sampling_ratio > 0 else _bin(input, pooled)
    outputs = prod(pooled)
    return weighted_taps(outputs * samples, 4) + average(outputs, samples)


@formula("torchvision::roi_align", kind="pooling")
def roi_align(input: Size, sampling_ratio: int, out: Size) -> Ops:
    """[K, C, h, w] = the mean of bilinear samples of [N, C, H, W], in each bin of K regions.

    See ``_aligned``.
    """
    return _aligned(out, input, sampling_ratio)


@formula("torchvision::ps_roi_align", kind="pooling")
def ps_roi_align(input: Size, sampling_ratio: int, out: Sequence[Size]) -> Ops:
    """[K, C / (h * w), h, w] = the mean of bilinear samples of [N, C, H, W], in each bin.

    Each bin takes channels of its own. See ``_aligned``.
    """
    return _aligned(out[0], input, sampling_ratio)


@formula("torchvision::qroi_align", kind="pooling")
def qroi_align(input: Size, sampling_ratio: int, out: Size) -> Ops:
    """[K, C, h, w] = the mean of bilinear samples of quantized [N, C, H, W]: see ``_aligned``."""
    return _aligned(out, input, sampling_ratio)


@formula("torchvision::_deform_conv2d_backward", kind="convolution")
def deform_conv2d_backward(grad: Size, input: Size, weight: Size, use_mask: bool) -> Ops:
    """dx, dW, doffset, dmask, db = gradients of ``deform_conv2d``, always all of them.

    - The samples' gradient and dW are a product each, as large as that of the convolution. For dW
      the samples are taken again.
    - dx: each sample's gradient, weighted and added to 4 taps.
    - doffset: see ``gradients.resampling.sampler_backward``, for two axes.
    - dmask: each sample times its gradient, added over the channels. The mask is also a mul for
      the samples, and one for their gradient, which dx and doffset take.
    - db sums the gradient over the batch and all positions.
    """
    samples = grad[0] * input[1] * prod(weight[2:]) * prod(grad[2:])
    ops = convolution(input, weight, grad) * 2 + weighted_taps(samples, 4)
    ops = ops + sampler_backward(samples, 4, 2, of_input=True) + Ops(adds=prod(grad) - grad[1])
    return ops + Ops(adds=1, muls=1 + 2) * samples if use_mask else ops


@formula("torchvision::_roi_align_backward", kind="gradient")
@formula("torchvision::_ps_roi_align_backward", kind="gradient")
def roi_align_backward(grad: Size, height: int, width: int, sampling_ratio: int) -> Ops:
    """[N, C, H, W] = each value of [K, C, h, w], divided and added to the taps of its samples.

    Per value a division. Per sample and tap a mul and an add. See ``_aligned`` for the samples.
    """
    outputs = prod(grad)
    samples = sampling_ratio * sampling_ratio
    if sampling_ratio <= 0:
        samples = _bin(Size((height, width)), grad)
    return spread(outputs * samples, 4) + Ops(specials=outputs)


@formula("torchvision::_roi_pool_backward", kind="gradient")
def roi_pool_backward(grad: Size) -> Ops:
    """[N, C, H, W] = each value of [K, C, h, w], added at the maximum of its bin: an add each."""
    return Ops(adds=prod(grad))


@formula("torchvision::_ps_roi_pool_backward", kind="gradient")
def ps_roi_pool_backward(grad: Size, height: int, width: int) -> Ops:
    """[N, C, H, W] = each value of [K, C', h, w], divided and added to all of its bin.

    Regions are taken to be as large as the map, an upper bound.
    """
    return Ops(adds=_bin(Size((height, width)), grad), specials=1) * prod(grad)


def _bin(input: Size, pooled: Size) -> int:
    """The positions in a bin of a region as large as the map.

    Shapes do not show how large a region is.
    """
    return ceil(input[-2] / pooled[-2]) * ceil(input[-1] / pooled[-1])


@formula("torchvision::roi_pool", kind="pooling")
def roi_pool(input: Size, out: Sequence[Size]) -> Ops:
    """[K, C, h, w] = the largest value of [N, C, H, W], in each bin of K regions.

    Regions are taken to be as large as the map, an upper bound.
    """
    return maximum(prod(out[0]), _bin(input, out[0]))


@formula("torchvision::ps_roi_pool", kind="pooling")
def ps_roi_pool(input: Size, out: Sequence[Size]) -> Ops:
    """[K, C / (h * w), h, w] = the mean of [N, C, H, W], in each bin of K regions.

    Regions are taken to be as large as the map, an upper bound.
    """
    return average(prod(out[0]), _bin(input, out[0]))


@formula("torchvision::nms", kind="sorting")
@formula("torchvision::qnms", kind="sorting")
def nms(dets: Size) -> Ops:
    """[kept] = non-maximum suppression([n, 4] boxes): a sort, n areas, n * (n - 1) / 2 overlaps.

    The number of pairs that are compared depends on the boxes. All pairs are an upper bound.

    - The sort: n * ceil(log2 n) compares.
    - An area: 2 subtractions and a mul.
    - The intersection of a pair: 4 extremes, 2 differences of at least 0 each, and a product.
    - Its overlap: the union's sum and difference, a division, and a compare with the threshold.
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

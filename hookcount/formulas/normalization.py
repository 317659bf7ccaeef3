"""Normalizations: the layers, and the ops that each backend runs them as."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from torch import Size, nn

from ..core.ops import Ops
from .builtin import formula, observed


def _statistics(rows: int, n: int) -> Ops:
    """The mean and 1 / sqrt(variance + eps) of each of ``rows`` rows of n.

    Mean: n - 1 adds, a division. Variance: n subtractions, n squares, n - 1 adds, a division. Then eps, a root, a division.
    """
    if n == 0:
        return Ops()
    return Ops(adds=n - 1 + n + n - 1 + 1, muls=n, specials=1 + 1 + 2) * rows


def _scale_and_shift(elements: int) -> Ops:
    """x * scale + shift, where scale and shift are folded per channel beforehand: a mul and an add per element."""
    return Ops(adds=elements, muls=elements)


def _running_update(channels: int) -> Ops:
    """(1 - momentum) * running + momentum * batch, of a mean and a variance per channel."""
    return Ops(adds=1, muls=2) * (2 * channels)


def batch_norm_arithmetic(input: Sequence[int], *, batch_statistics: bool, updates: bool) -> Ops:
    """[N, C, *] = batch norm([N, C, *]): x * scale + shift; in training the statistics of N * prod(*) values per channel too.

    Folding weight, bias, mean and deviation into one scale and one shift is work per channel, not per element, and is left
    out; so an affine layer and a plain one cost the same. ``num_batches_tracked`` is an integer: nothing.
    """
    elements, channels = prod(input), input[1]
    ops = _scale_and_shift(elements)
    if batch_statistics and channels:
        ops = ops + _statistics(channels, elements // channels)
    return ops + _running_update(channels) if updates else ops


@formula(nn.modules.batchnorm._BatchNorm, kind="norm")  # what a lazy layer is before its first call
@formula(nn.BatchNorm1d, kind="norm")
@formula(nn.BatchNorm2d, kind="norm")
@formula(nn.BatchNorm3d, kind="norm")
@formula(nn.SyncBatchNorm, kind="norm")
def batch_norm_module(module: nn.BatchNorm2d, input: Size) -> Ops:
    """[N, C, *] = batch norm([N, C, *]).

    Without running statistics a layer in eval mode uses the batch's. A synchronized layer costs what it does on one device:
    what it exchanges with the others is left out.
    """
    tracked = module.running_mean is not None
    own = module.training or not tracked
    return batch_norm_arithmetic(input, batch_statistics=own, updates=module.training and tracked)


@formula(nn.modules.instancenorm._InstanceNorm, kind="norm")
@formula(nn.InstanceNorm1d, kind="norm")
@formula(nn.InstanceNorm2d, kind="norm")
@formula(nn.InstanceNorm3d, kind="norm")
def instance_norm_module(module: nn.InstanceNorm2d, input: Size) -> Ops:
    """[N, C, *] = instance norm([N, C, *]), batched or not: a batch norm of [1, N * C, *].

    Running statistics, where tracked, are updated per sample and then averaged over the batch: N - 1 adds and a division
    per channel, for the mean and for the variance. (In eval an older torch takes that average too, of statistics that did not
    change: not counted here.)
    """
    unbatched: int = module._get_no_batch_dim()
    shape = Size((1, *input)) if len(input) == unbatched else input
    batch, channels = shape[:2]
    own = module.training or not module.track_running_stats
    updates = own and module.running_mean is not None
    ops = batch_norm_arithmetic(
        (1, batch * channels, *shape[2:]), batch_statistics=own, updates=updates
    )
    return ops + Ops(adds=batch - 1, specials=1) * (2 * channels) if updates else ops


@formula("aten::native_batch_norm", kind="norm")
@formula("aten::_native_batch_norm_legit", kind="norm")
@formula("aten::_native_batch_norm_legit_functional", kind="norm")
@formula("aten::cudnn_batch_norm", kind="norm")
@formula("aten::miopen_batch_norm", kind="norm")
def batch_norm(input: Size, running_mean: Any, training: bool) -> Ops:
    """[N, C, *] = batch norm([N, C, *]): see ``batch_norm_arithmetic``."""
    return batch_norm_arithmetic(
        input, batch_statistics=training, updates=training and running_mean is not None
    )


@formula("aten::_native_batch_norm_legit.no_stats", kind="norm")
@formula("aten::_native_batch_norm_legit.no_stats_out", kind="norm")
def batch_norm_no_stats(input: Size) -> Ops:
    """[N, C, *] = batch norm([N, C, *]), by the batch's own statistics, which are not kept."""
    return batch_norm_arithmetic(input, batch_statistics=True, updates=False)


@formula("aten::_native_batch_norm_legit_no_training", kind="norm")
@formula("aten::_batch_norm_no_update", kind="norm")
def batch_norm_no_training(input: Size) -> Ops:
    """[N, C, *] = batch norm([N, C, *]), by the running statistics."""
    return batch_norm_arithmetic(input, batch_statistics=False, updates=False)


@formula("aten::_batch_norm_with_update", kind="norm")
@formula("aten::_batch_norm_with_update_functional", kind="norm")
def batch_norm_with_update(input: Size) -> Ops:
    """[N, C, *] = batch norm([N, C, *]), by the batch's statistics, which update the running ones."""
    return batch_norm_arithmetic(input, batch_statistics=True, updates=True)


@formula("aten::batch_norm_stats", kind="norm")
def batch_norm_stats(input: Size) -> Ops:
    """[C], [C] = mean and inverse deviation of [N, C, *], a synchronized layer's first half."""
    return _statistics(input[1], prod(input) // input[1])


@formula("aten::batch_norm_update_stats", kind="norm")
def batch_norm_update_stats(input: Size) -> Ops:
    """[C], [C] = mean and variance of [N, C, *], which update the running ones."""
    return _statistics(input[1], prod(input) // input[1]) + _running_update(input[1])


@formula("aten::batch_norm_elemt", kind="norm")
def batch_norm_elemt(input: Size) -> Ops:
    """[N, C, *] = x * scale + shift, a synchronized layer's second half."""
    return _scale_and_shift(prod(input))


def standardization(rows: int, n: int, *, weighted: bool, biased: bool) -> Ops:
    """(x - mean) / sqrt(var + eps) * weight + bias over rows of n: layer norm and group norm.

    The statistics; the deviations that the variance was made of times the inverse root, n muls; then weight and bias, n each.
    """
    elements = rows * n
    muls = elements * (1 + weighted)
    return _statistics(rows, n) + Ops(adds=elements * biased, muls=muls)


@formula(nn.LayerNorm, kind="norm")
def layer_norm_module(module: nn.LayerNorm, input: Size) -> Ops:
    """[*, *n] = layer norm([*, *n]): see ``standardization``."""
    n = prod(module.normalized_shape)
    return standardization(
        _rows(input, n), n, weighted=module.weight is not None, biased=module.bias is not None
    )


@formula("aten::native_layer_norm", kind="norm")
def layer_norm(input: Size, normalized_shape: Sequence[int], weight: Any, bias: Any) -> Ops:
    """[*, *n] = layer norm([*, *n]): see ``standardization``."""
    n = prod(normalized_shape)
    return standardization(_rows(input, n), n, weighted=weight is not None, biased=bias is not None)


def _rows(input: Sequence[int], n: int) -> int:
    return prod(input) // n if n else 0


@formula(nn.GroupNorm, kind="norm")
def group_norm_module(module: nn.GroupNorm, input: Size) -> Ops:
    """[N, C, *] = group norm([N, C, *]): N * groups rows of C / groups * prod(*); see ``standardization``."""
    affine = module.weight is not None
    rows = input[0] * module.num_groups
    return standardization(
        rows, prod(input) // rows if rows else 0, weighted=affine, biased=module.bias is not None
    )


@formula("aten::native_group_norm", kind="norm")
def group_norm(weight: Any, bias: Any, N: int, C: int, HxW: int, group: int) -> Ops:
    """[N, C, *] = group norm([N, C, *]): N * group rows of C / group * HxW; see ``standardization``."""
    return standardization(
        N * group, C // group * HxW, weighted=weight is not None, biased=bias is not None
    )


def root_mean_square_norm(rows: int, n: int, *, weighted: bool) -> Ops:
    """x / sqrt(mean(x^2) + eps) * weight over rows of n, as its parts square, mean, add, rsqrt and mul cost by themselves.

    n squares, n - 1 adds and a division for the mean, an add for eps, a root and a division, n muls, and n for the weight.
    """
    return Ops(adds=n - 1 + 1, muls=n + n * (1 + weighted), specials=1 + 2) * rows if n else Ops()


@formula("torch.nn.RMSNorm", kind="norm")
def rms_norm_module(module: Any, input: Size) -> Ops:
    """[*, *n] = rms norm([*, *n]): see ``root_mean_square_norm``."""
    n = prod(module.normalized_shape)
    return root_mean_square_norm(_rows(input, n), n, weighted=module.weight is not None)


@formula("aten::_fused_rms_norm", kind="norm")
@formula("aten::rms_norm", kind="norm")
def rms_norm(input: Size, normalized_shape: Sequence[int], weight: Any = None) -> Ops:
    """[*, *n] = rms norm([*, *n]): see ``root_mean_square_norm``."""
    n = prod(normalized_shape)
    return root_mean_square_norm(_rows(input, n), n, weighted=weight is not None)


@formula("aten::_weight_norm_interface", kind="norm")
def weight_norm(v: Size, dim: int = 0) -> Ops:
    """w = v * (g / |v|), a norm per slice along ``dim``: n muls, sums and roots for the norms, divisions, and n muls."""
    elements, slices = prod(v), v[dim]
    return Ops(adds=elements - slices, muls=elements + elements, specials=slices + slices)


observed([nn.LocalResponseNorm, nn.CrossMapLRN2d])

"""Normalizations: the layers, and the ops that each backend runs for them.

In the equations N is the batch, C are the channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Size, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from ..core.ops import Ops
from .builtin import formula, observed


def _statistics(rows: int, n: int) -> Ops:
    """[rows], [rows] = mean and 1 / sqrt(variance + eps) of [rows, n].

    Mean: n - 1 adds, a division. Variance: n subtractions, n squares, n - 1 adds, a division.
    Then an add of eps, a root and a division.
    """
    if n == 0:
        return Ops()
    return Ops(adds=n - 1 + n + n - 1 + 1, muls=n, specials=1 + 1 + 2) * rows


def _scale_and_shift(elements: int) -> Ops:
    """[*] = x * scale + shift, both folded per channel beforehand: a mul and an add per element."""
    return Ops(adds=elements, muls=elements)


def _running_update(channels: int) -> Ops:
    """[C], [C] = (1 - momentum) * running + momentum * batch, for mean and variance.

    Per channel and statistic: an add and 2 muls.
    """
    return Ops(adds=1, muls=2) * (2 * channels)


def batch_norm_arithmetic(input: Sequence[int], *, batch_statistics: bool, updates: bool) -> Ops:
    """[N, C, *] = batch norm([N, C, *]): x * scale + shift.

    With ``batch_statistics`` also the statistics of N * prod(*) values per channel. With
    ``updates`` also the update of the running statistics.

    Not counted: folding weight, bias, mean and deviation into one scale and one shift. That is work
    per channel, not per element. So a layer costs the same with or without weight and bias.
    Counting in ``num_batches_tracked`` is integer work, and free.
    """
    elements, channels = prod(input), input[1]
    ops = _scale_and_shift(elements)
    if batch_statistics and channels:
        ops = ops + _statistics(channels, elements // channels)
    return ops + _running_update(channels) if updates else ops


@formula(_BatchNorm, kind="norm")  # a lazy layer before its first call
@formula(nn.BatchNorm1d, kind="norm")
@formula(nn.BatchNorm2d, kind="norm")
@formula(nn.BatchNorm3d, kind="norm")
@formula(nn.SyncBatchNorm, kind="norm")
def batch_norm_module(module: _BatchNorm, input: Size) -> Ops:
    """[N, C, *] = batch norm([N, C, *]): see ``batch_norm_arithmetic``.

    In eval mode, a layer without running statistics uses those of the batch. Of a synchronized
    layer only the work on one device is counted, not the exchange with the others.
    """
    tracked = module.running_mean is not None
    own = module.training or not tracked
    return batch_norm_arithmetic(input, batch_statistics=own, updates=module.training and tracked)


@formula(_InstanceNorm, kind="norm")
@formula(nn.InstanceNorm1d, kind="norm")
@formula(nn.InstanceNorm2d, kind="norm")
@formula(nn.InstanceNorm3d, kind="norm")
def instance_norm_module(
    module: nn.InstanceNorm1d | nn.InstanceNorm2d | nn.InstanceNorm3d, input: Size
) -> Ops:
    """[N, C, *] = instance norm([N, C, *]), batched or not: a batch norm of [1, N * C, *].

    Running statistics, if tracked, are updated per sample and then averaged over the batch. The
    average takes N - 1 adds and a division per channel, for the mean and for the variance.

    In eval mode older versions of torch also take this average, of unchanged statistics: not
    counted.
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
def batch_norm(input: Size, running_mean: Size | None, training: bool) -> Ops:
    """[N, C, *] = batch norm([N, C, *]): see ``batch_norm_arithmetic``."""
    return batch_norm_arithmetic(
        input, batch_statistics=training, updates=training and running_mean is not None
    )


@formula("aten::_native_batch_norm_legit.no_stats", kind="norm")
@formula("aten::_native_batch_norm_legit.no_stats_out", kind="norm")
def batch_norm_no_stats(input: Size) -> Ops:
    """[N, C, *] = batch norm([N, C, *]) by the statistics of the batch, which are not kept."""
    return batch_norm_arithmetic(input, batch_statistics=True, updates=False)


@formula("aten::_native_batch_norm_legit_no_training", kind="norm")
@formula("aten::_batch_norm_no_update", kind="norm")
def batch_norm_no_training(input: Size) -> Ops:
    """[N, C, *] = batch norm([N, C, *]) by the running statistics."""
    return batch_norm_arithmetic(input, batch_statistics=False, updates=False)


@formula("aten::_batch_norm_with_update", kind="norm")
@formula("aten::_batch_norm_with_update_functional", kind="norm")
def batch_norm_with_update(input: Size) -> Ops:
    """[N, C, *] = batch norm([N, C, *]) by batch statistics, which update the running ones."""
    return batch_norm_arithmetic(input, batch_statistics=True, updates=True)


@formula("aten::batch_norm_stats", kind="norm")
def batch_norm_stats(input: Size) -> Ops:
    """[C], [C] = mean and inverse deviation of [N, C, *]: first half of a synchronized layer."""
    return _statistics(input[1], prod(input) // input[1])


@formula("aten::batch_norm_update_stats", kind="norm")
def batch_norm_update_stats(input: Size) -> Ops:
    """[C], [C] = mean and variance of [N, C, *], which update the running ones."""
    return _statistics(input[1], prod(input) // input[1]) + _running_update(input[1])


@formula("aten::batch_norm_elemt", kind="norm")
def batch_norm_elemt(input: Size) -> Ops:
    """[N, C, *] = x * scale + shift, x of [N, C, *]: second half of a synchronized layer."""
    return _scale_and_shift(prod(input))


def standardization(rows: int, n: int, *, weighted: bool, biased: bool) -> Ops:
    """[rows, n] = (x - mean) / sqrt(var + eps) * weight + bias: layer norm and group norm.

    Per row: the statistics, n muls by the inverse root, n muls for a weight, n adds for a bias.
    The deviations x - mean are counted once, in the variance.
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
def layer_norm(
    input: Size, normalized_shape: Sequence[int], weight: Size | None, bias: Size | None
) -> Ops:
    """[*, *n] = layer norm([*, *n]): see ``standardization``."""
    n = prod(normalized_shape)
    return standardization(_rows(input, n), n, weighted=weight is not None, biased=bias is not None)


def _rows(input: Sequence[int], n: int) -> int:
    return prod(input) // n if n else 0


@formula(nn.GroupNorm, kind="norm")
def group_norm_module(module: nn.GroupNorm, input: Size) -> Ops:
    """[N, C, *] = group norm([N, C, *]): see ``standardization``.

    There are N * groups rows of C / groups * prod(*) values.
    """
    affine = module.weight is not None
    rows = input[0] * module.num_groups
    return standardization(
        rows, prod(input) // rows if rows else 0, weighted=affine, biased=module.bias is not None
    )


@formula("aten::native_group_norm", kind="norm")
def group_norm(weight: Size | None, bias: Size | None, N: int, C: int, HxW: int, group: int) -> Ops:
    """[N, C, *] = group norm([N, C, *]): see ``standardization``.

    There are N * group rows of C / group * HxW values.
    """
    return standardization(
        N * group, C // group * HxW, weighted=weight is not None, biased=bias is not None
    )


def root_mean_square_norm(rows: int, n: int, *, weighted: bool) -> Ops:
    """[rows, n] = x / sqrt(mean(x^2) + eps) * weight, x of shape [rows, n].

    Per row: n squares, n - 1 adds and a division for the mean, an add for eps, a root, a division,
    n muls. A weight adds n muls. The separate ops square, mean, add, rsqrt and mul cost the same.
    """
    return Ops(adds=n - 1 + 1, muls=n + n * (1 + weighted), specials=1 + 2) * rows if n else Ops()


@formula("torch.nn.RMSNorm", kind="norm")
def rms_norm_module(module: nn.RMSNorm, input: Size) -> Ops:
    """[*, *n] = rms norm([*, *n]): see ``root_mean_square_norm``."""
    n = prod(module.normalized_shape)
    return root_mean_square_norm(_rows(input, n), n, weighted=module.weight is not None)


@formula("aten::_fused_rms_norm", kind="norm")
@formula("aten::rms_norm", kind="norm")
def rms_norm(input: Size, normalized_shape: Sequence[int], weight: Size | None = None) -> Ops:
    """[*, *n] = rms norm([*, *n]): see ``root_mean_square_norm``."""
    n = prod(normalized_shape)
    return root_mean_square_norm(_rows(input, n), n, weighted=weight is not None)


@formula("aten::_weight_norm_interface", kind="norm")
def weight_norm(v: Size, dim: int = 0) -> Ops:
    """w = v * (g / |v|), w and v of the same shape, with a norm per slice along ``dim``.

    Per slice of n: n squares, n - 1 adds, a root, a division, n muls.
    """
    elements, slices = prod(v), v[dim]
    return Ops(adds=elements - slices, muls=elements + elements, specials=slices + slices)


observed([nn.LocalResponseNorm, nn.CrossMapLRN2d])

"""Norms that divide by the number of their calls (``momentum=None``)."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn
from torch.nn.modules.batchnorm import _NormBase


def call_counts(modules: Iterable[nn.Module]) -> set[int]:
    """The ids of tensors on meta that a norm with ``momentum=None`` divides by.

    They count its calls, so the value is 1 or more.
    """
    return {
        id(count)
        for module in modules
        if isinstance(module, _NormBase) and module.momentum is None
        if (count := module._buffers.get("num_batches_tracked")) is not None and count.is_meta
    }

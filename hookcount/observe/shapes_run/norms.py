"""The tensors in which norms count their calls (``num_batches_tracked``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from torch import nn
from torch.nn.modules.batchnorm import _NormBase


class CallCounts(NamedTuple):
    """Ids of the tensors in which norms count their calls."""

    unread: set[int]
    """No forward reads these. So a shapes-only run leaves them to other threads."""
    divisors: set[int]
    """Norms with ``momentum=None`` divide by these. They are on meta. Their value is 1 or more."""


def call_counts(modules: Iterable[nn.Module]) -> CallCounts:
    """The tensors in which the norms among ``modules`` count their calls."""
    found = CallCounts(set(), set())
    for module in modules:
        if isinstance(module, _NormBase):
            count = module._buffers.get("num_batches_tracked")
            if count is None:
                continue
            if module.momentum is not None:
                found.unread.add(id(count))
            elif count.is_meta:
                found.divisors.add(id(count))
    return found

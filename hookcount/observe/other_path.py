"""Finds out that a shapes-only run took another path than the model's own device would take.

Code that branches on ``x.device`` sees the device ``meta`` there. It may run an op that only
another device has, for example a fused op of a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch

from ..core.trace import OpRun, Trace
from ..rules.registry import Op, Registry
from ..rules.resolver import Resolver
from .contained import has_values
from .opfacts import registered_name


def goes_another_path(
    trace: Trace, registry: Registry, tensors: Callable[[], Iterable[torch.Tensor]]
) -> bool:
    """Whether an op ran that has no formula, and no kernel for the devices of ``tensors``.

    Only a real run can then be complete. It is none if a tensor has no values.
    """
    resolver = Resolver(registry)
    unpriced = {op for op in _ops(trace) if resolver.op(op)[0] is None}
    if not unpriced:
        return False
    given = list(tensors())
    if not all(map(has_values, given)):
        return False
    devices = {tensor.device.type for tensor in given}
    missing = {op for op in unpriced if not any(_has_kernel(op, each) for each in devices)}
    return any(op.call.target in missing for op in _paying(trace, resolver))


def _ops(trace: Trace) -> set[Op]:
    found: set[Op] = {op.call.target for run in trace.runs for op in run.ops}
    return found.union([op.call.target for _, op in trace.outside])


def _paying(trace: Trace, resolver: Resolver) -> Iterable[OpRun]:
    """The ops that no formula of a module pays for."""
    for run in trace.runs:
        module = None if run.call is None else run.call.module
        paid = module is not None and resolver.module(module) is not None
        yield from (op for op in run.ops if not (paid and op.claimable))
    yield from (op for _, op in trace.outside)


def _has_kernel(op: Op, device: str) -> bool:
    """Whether an op can run on a device. It is assumed of an op without a schema."""
    if not isinstance(op, torch._ops.OpOverload):
        return True
    key = torch._C._dispatch_key_for_device(device)
    try:
        return torch._C._dispatch_has_computed_kernel_for_dispatch_key(registered_name(op), key)
    except RuntimeError:  # the dispatcher does not know the op
        return True

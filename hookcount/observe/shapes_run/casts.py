"""The casts of autocast in a shapes-only run, for tensors on meta.

torch's autocast casts only tensors of its own device. So an activation or a weight on meta would
keep its dtype. Here the same ops get kernels at a dispatch key of their own. As torch's kernels do,
they run before autograd and before a composite op is opened, so a backward pass sees each cast.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch._C import DispatchKey, DispatchKeySet

from ...core.lazily import lazily
from ..values import OpResult
from .here import shapes_observer
from .policies import policies_of, registered

_KEY = "AutocastIPU"
"""The autocast of a device that torch no longer has. No tensor has this key by itself."""
_lock = threading.Lock()


def look() -> None:
    """Note whether autocast is on in this thread for the device of its shapes-only run."""
    observer = shapes_observer()
    on = observer is not None and torch.is_autocast_enabled(observer.device)
    if on:
        with _lock:
            _kernels.libraries  # noqa: B018 (it is made once)
    _switch(on)


@contextmanager
def looked_at() -> Iterator[None]:
    """For the block, autocast casts as it would on the device of the shapes-only run."""
    before = torch._C._dispatch_tls_is_dispatch_key_included(_KEY)
    look()
    try:
        yield
    finally:
        _switch(before)


def _switch(on: bool) -> None:
    """Let this thread run the kernels, or not."""
    torch._C._dispatch_tls_set_dispatch_key_excluded(_KEY, not on)  # as torch does for each device
    torch._C._dispatch_tls_set_dispatch_key_included(_KEY, on)  # no tensor has the key


@contextmanager
def already_cast() -> Iterator[None]:
    """The ops in the block get their arguments as they are."""
    with torch._C._ExcludeDispatchKeyGuard(_OFF):
        yield


def cast_inputs(own: Callable[..., Any]) -> Callable[..., Any]:
    """``own`` casts the inputs of a custom Function that are on a device. On meta they are too."""

    def cast(value: Any, device_type: str, dtype: torch.dtype) -> Any:
        observer = shapes_observer() if isinstance(value, torch.Tensor) and value.is_meta else None
        is_there = observer is not None and observer.device == device_type
        return own(value, "meta" if is_there else device_type, dtype)

    return cast


class _Kernels:
    """The kernels for the key. They last, since it takes long to find out which ops have some."""

    @lazily
    def libraries(self) -> tuple[torch.library.Library, ...]:
        """The kernels of ops, and the rule that other ops have none."""
        others = torch.library.Library("_", "IMPL")  # type: ignore[no-untyped-call]
        others.fallback(torch.library.fallthrough_kernel, _KEY)  # type: ignore[no-untyped-call]
        made = torch.library.Library("aten", "IMPL")  # type: ignore[no-untyped-call]
        for name in registered():
            made.impl(name, _kernel(name), _KEY, with_keyset=True)  # type: ignore[no-untyped-call]
        return made, others


def _kernel(name: str) -> Callable[..., OpResult]:
    packet, _, overload = name.partition(".")
    op: torch._ops.OpOverload = getattr(getattr(torch.ops.aten, packet), overload or "default")
    policies = policies_of(name)

    def kernel(keys: DispatchKeySet, *args: Any, **kwargs: Any) -> OpResult:
        observer = shapes_observer()
        policy = None if observer is None else policies.get(observer.device)
        if observer is None or policy is None:  # the ops inside a composite op have kernels too
            return op.redispatch(keys & _AFTER, *args, **kwargs)
        with already_cast():
            cast_args, named = policy(args, kwargs, torch.get_autocast_dtype(observer.device))
            return op(*cast_args, **named)

    return kernel


_kernels = _Kernels()
_OURS = getattr(DispatchKey, _KEY)
_AFTER = torch._C._dispatch_keyset_full_after(_OURS)
_OFF = DispatchKeySet(_OURS)
for _each in (DispatchKey.AutocastCPU, DispatchKey.AutocastCUDA):
    _OFF = _OFF | DispatchKeySet(_each)

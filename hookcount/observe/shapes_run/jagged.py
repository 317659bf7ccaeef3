"""Jagged nested tensors in a shapes-only run: their values are on meta, their offsets stay real.

torch wants both on one device. The offsets say how long each sequence is, and code reads them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nested._internal import nested_tensor, sdpa
from torch.nested._internal.nested_tensor import NestedTensor

from ..patches import patched
from ..quiet import quiet
from .here import shapes_observer


@contextmanager
def jagged_on_meta() -> Iterator[None]:
    """Let values on meta and real offsets form a jagged tensor, in each thread that counts."""
    with (
        patched(NestedTensor, "__new__", _of_two_devices),
        patched(sdpa, "_is_computing_meta_flops", _as_on_the_device),
        patched(sdpa, "_select_sdp_backend", _on_the_cpu),
    ):
        yield


def _of_two_devices(own: Callable[..., Any]) -> Any:
    @functools.wraps(own)
    def new(cls: type, values: torch.Tensor, offsets: torch.Tensor, **kwargs: Any) -> Any:
        apart = offsets is not None and values.device != offsets.device
        if apart and shapes_observer() is not None:
            offsets = _beside(values, offsets)
        return own(cls, values, offsets, **kwargs)

    return staticmethod(new)


def _as_on_the_device(own: Callable[..., bool]) -> Callable[..., bool]:
    """``own`` tells whether FlopCounterMode counts attention on meta, and picks its path."""

    @functools.wraps(own)
    def computing(x: torch.Tensor) -> bool:
        return shapes_observer() is None and own(x)

    return computing


def _on_the_cpu(own: Callable[..., object]) -> Callable[..., object]:
    """``own`` picks the path of attention. It depends on the device, and a run on meta has none."""

    @functools.wraps(own)
    def select(*args: object, **kwargs: object) -> object:
        observer = shapes_observer()
        if observer is not None and observer.attention is not None:
            observer.attention.on_jagged()
        return own(*args, **kwargs)

    return select


def _beside(values: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
    """Offsets on the device of the values, which name the same sequences."""
    with quiet():
        made = torch.empty_like(offsets, device=values.device)
        lengths: Any = nested_tensor
        lengths._tensor_symint_registry[made] = lengths.get_tensor_symint(offsets, coeff=1)
    return made

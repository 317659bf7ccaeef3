"""Makes ``torch.autocast(device_type=x.device.type)`` work in a shapes-only run.

There x is data and its device is meta. torch has no autocast for meta and raises. transformers
before 5 requests it in every rotary embedding, and torch's checkpoints request it too. So the block
gets the autocast of the model's device, as in a real run. A model on meta gets that of the CPU.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

from ..observer import Observer, observers_here
from ..patches import patched
from .casts import cast_inputs, look, looked_at

T = TypeVar("T")


@contextmanager
def autocast_on_meta() -> Iterator[None]:
    """Replace autocast for meta by that of the device, in each thread that counts on shapes.

    A weight that was cast is not kept for later: torch would give it to every thread.
    """
    with (
        patched(torch.autocast, "__init__", _for_meta),
        patched(torch, "set_autocast_enabled", _looking),
        patched(torch, "is_autocast_enabled", _asking),
        patched(torch, "get_autocast_dtype", _asking),
        patched(torch.amp, "is_autocast_available", _asking),
        patched(torch.amp.autocast_mode, "_cast", cast_inputs),
        looked_at(),
    ):
        yield


def _looking(own: Callable[..., object]) -> Callable[..., object]:
    """``own``, which switches autocast on or off. ``casts`` is told."""

    @functools.wraps(own)
    def switch(*args: object) -> object:
        done = own(*args)
        if _on_shapes() is not None:
            look()
        return done

    return switch


def _asking(own: Callable[..., T]) -> Callable[..., T]:
    """``own``, which tells about the autocast of a device. Meta has that of the model's device."""

    @functools.wraps(own)
    def ask(*device_type: str) -> T:
        observer = _on_shapes() if device_type == ("meta",) else None
        return own(*device_type) if observer is None else own(observer.device)

    return ask


def _on_shapes() -> Observer | None:
    """The innermost shapes-only run of this thread."""
    return next((each for each in reversed(observers_here()) if each.shapes_only), None)


def _for_meta(own: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(own)
    def init(self: torch.autocast, device_type: str, *args: object, **kwargs: object) -> None:
        observer = _on_shapes() if device_type == "meta" else None
        own(self, device_type if observer is None else observer.device, *args, **kwargs)
        if any(each.given is not None for each in observers_here()):
            self._cache_enabled = False  # the cache serves every thread

    return init

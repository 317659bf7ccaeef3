"""Makes ``torch.autocast(device_type=x.device.type)`` work in a shapes-only run.

There x is data and its device is meta. torch has no autocast for meta and raises. transformers
before 5 requests it in every rotary embedding. So the block gets the CPU's autocast, as in a real
run of the model.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

from ..observer import observers_here
from ..patches import patched
from .casts import look, looked_at

T = TypeVar("T")


@contextmanager
def autocast_on_meta() -> Iterator[None]:
    """Replace autocast for meta by the CPU's autocast, in each thread that counts on shapes.

    A weight that was cast is not kept for later: torch would give it to every thread.
    """
    with (
        patched(torch.autocast, "__init__", _for_meta),
        patched(torch.autocast, "__enter__", _looking),
        patched(torch.autocast, "__exit__", _looking),
        patched(torch, "is_autocast_enabled", _asking),
        patched(torch, "get_autocast_dtype", _asking),
        looked_at(),
    ):
        yield


def _looking(own: Callable[..., object]) -> Callable[..., object]:
    """``own``, which switches autocast on or off. ``casts`` is told."""

    @functools.wraps(own)
    def switch(self: torch.autocast, *args: object) -> object:
        done = own(self, *args)
        if any(each.shapes_only for each in observers_here()):
            look()
        return done

    return switch


def _asking(own: Callable[..., T]) -> Callable[..., T]:
    """``own``, which tells about the autocast of a device. For meta it tells about the CPU's."""

    @functools.wraps(own)
    def ask(*device_type: str) -> T:
        if device_type == ("meta",) and any(each.shapes_only for each in observers_here()):
            return own("cpu")
        return own(*device_type)

    return ask


def _for_meta(own: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(own)
    def init(self: torch.autocast, device_type: str, *args: object, **kwargs: object) -> None:
        counting = device_type == "meta" and any(each.shapes_only for each in observers_here())
        own(self, "cpu" if counting else device_type, *args, **kwargs)
        if any(each.given is not None for each in observers_here()):
            self._cache_enabled = False  # the cache serves every thread

    return init

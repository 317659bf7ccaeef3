"""The dtype of the autocast blocks that a thread enters."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from .patches import patched


class Seen:
    """The autocast of a block of code."""

    def __init__(self) -> None:
        self.dtype: torch.dtype | None = None
        """The dtype of the first autocast that was entered; None if there was none."""


class _Watching(threading.local):
    def __init__(self) -> None:
        self.seen: list[Seen] = []


_here = _Watching()


@contextmanager
def autocast_seen() -> Iterator[Seen]:
    """Note the autocast that this thread enters in the block."""
    seen = Seen()
    with patched(torch.autocast, "__enter__", _noting):
        _here.seen.append(seen)
        try:
            yield seen
        finally:
            _here.seen.remove(seen)


def _noting(own: Callable[..., object]) -> Callable[..., object]:
    @functools.wraps(own)
    def enter(self: torch.autocast) -> object:
        done = own(self)
        for each in _here.seen:
            if each.dtype is None and self._enabled:
                each.dtype = self.fast_dtype
        return done

    return enter

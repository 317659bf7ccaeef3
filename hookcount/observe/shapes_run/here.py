"""The shapes-only run of this thread."""

from __future__ import annotations

from ..observer import Observer, observers_here


def shapes_observer() -> Observer | None:
    """The innermost observer of this thread, if it observes a shapes-only run."""
    here = observers_here()
    return here[-1] if here and here[-1].shapes_only and not here[-1].paused else None

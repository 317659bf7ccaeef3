"""A setting of the thread or of the process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Setting(NamedTuple):
    """A setting: how to read it and how to write it."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]

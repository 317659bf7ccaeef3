"""``torch.autocast(device_type=x.device.type)`` in a shapes-only run, where x is data and its device is meta.

torch knows no autocast there and raises; transformers before 5 asks for it in every rotary embedding. The CPU's is what a real
run of the model would have had.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def autocast_on_meta() -> Iterator[None]:
    """Inside the block, autocast for the meta device is that for the CPU."""
    own = torch.autocast.__init__

    def init(self: torch.autocast, device_type: str, *args: Any, **kwargs: Any) -> None:
        own(self, "cpu" if device_type == "meta" else device_type, *args, **kwargs)

    setattr(torch.autocast, "__init__", init)  # noqa: B010 (mypy: a method is not assigned to)
    try:
        yield
    finally:
        setattr(torch.autocast, "__init__", own)  # noqa: B010

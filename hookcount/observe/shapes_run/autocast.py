"""``torch.autocast(device_type=x.device.type)`` in a shapes-only run, where x is data and its device is meta.

torch has no autocast for meta and raises. transformers before 5 asks for it in every rotary embedding. The block gets the
CPU's autocast, as in a real run of the model.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch

from ..observer import observers_here
from ..patches import patched


def autocast_on_meta() -> AbstractContextManager[None]:
    """Inside the block, autocast for the meta device is that for the CPU in each thread that counts shapes."""
    return patched(torch.autocast, "__init__", _for_meta)


def _for_meta(own: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(own)
    def init(self: torch.autocast, device_type: str, *args: Any, **kwargs: Any) -> None:
        counting = device_type == "meta" and any(each.shapes_only for each in observers_here())
        own(self, "cpu" if counting else device_type, *args, **kwargs)

    return init

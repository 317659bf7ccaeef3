"""Composite ops that have a kernel of their own on the device, but none for meta.

torch opens such an op above the dispatch mode if its tensors are on meta. A real run has one op
there, and so has a shapes-only run.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch

from ..patches import Undo, shared
from .here import shapes_observer

NAMES = ("mish_backward",)
"""The ops of torch of this sort in which backward passes have work."""


def kernels_on_meta() -> AbstractContextManager[None]:
    """For the block, such an op stays whole on meta, in each thread that counts on shapes."""
    return shared("composite ops on meta", _install)


def _install() -> Undo:
    library = torch.library.Library("aten", "IMPL")  # type: ignore[no-untyped-call]
    for name in NAMES:
        op = getattr(torch.ops.aten, name).default
        library.impl(name, _whole(op), "AutogradMeta")  # type: ignore[no-untyped-call]

    def undo() -> None:
        library._destroy()  # type: ignore[no-untyped-call]

    return undo


def _whole(op: torch._ops.OpOverload) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        if shapes_observer() is None or torch.is_grad_enabled():
            return op.decompose(*args, **kwargs)
        with torch._C._AutoDispatchBelowAutograd():
            return op(*args, **kwargs)  # the dispatch mode opens it if the device has no kernel

    return run

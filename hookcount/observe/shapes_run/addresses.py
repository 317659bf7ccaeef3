"""Code that asks for the address of an activation is refused: no memory is behind it.

A kernel of Triton, of ``torch.cuda.jiterator`` or of ctypes gets addresses, and torch sees no op.
With a null address it would end the process, or all work on the GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from ..patches import patched
from .here import shapes_observer

_LAUNCH = "_cuda_jiterator_compile_and_launch_kernel"


@contextmanager
def addresses_refused() -> Iterator[None]:
    """For the block, in each thread that counts on shapes: see above.

    A model that is on meta itself has no address either way. Its code gets what torch gives.
    """
    with ExitStack() as stack:
        stack.enter_context(patched(torch.Tensor, "data_ptr", _of_tensor))
        if hasattr(torch._C, _LAUNCH):
            stack.enter_context(patched(torch._C, _LAUNCH, _launched))
        yield


def _of_tensor(original: Callable[..., Any]) -> Callable[..., Any]:
    def data_ptr(self: torch.Tensor) -> Any:
        _refuse("code asks a tensor for its address (data_ptr)", self.device.type)
        return original(self)

    return data_ptr


def _launched(original: Callable[..., Any]) -> Callable[..., Any]:
    def launch(*args: Any, **kwargs: Any) -> Any:
        _refuse("a kernel of torch.cuda.jiterator runs")
        return original(*args, **kwargs)

    return launch


def _refuse(what: str, device: str = "meta") -> None:
    """Raise if this thread counts a real model on shapes, and the device is not the model's.

    There an activation is on meta, and a constant of a model on a GPU is on the CPU.
    """
    observer = shapes_observer()
    if observer is None or observer.refuse is None:
        return
    if device == "meta" or device != observer.device:
        raise observer.refuse(what)

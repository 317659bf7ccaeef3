"""hookcount's own tensor work, hidden from every active mode.

A signal waits for the end of such a block. A generator that an exception leaves half entered ends
with the exception's traceback, and would then change the modes of whatever runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack

from .interrupts import HeldBack


@contextmanager
def quiet() -> Iterator[None]:
    """Hide the block's tensor work from dispatch modes, torch-function modes and autograd."""
    with (
        HeldBack(),
        torch._C._DisableTorchDispatch(),
        torch._C.DisableTorchFunction(),
        torch.no_grad(),
    ):
        yield


@contextmanager
def apart() -> Iterator[None]:
    """``quiet``, and outside the caller's inference mode and functorch transforms too.

    A tensor that is made here can serve a later count, which runs without these.
    """
    with (
        HeldBack(),
        temporarily_clear_interpreter_stack(),
        torch.inference_mode(False),
        quiet(),
    ):
        yield

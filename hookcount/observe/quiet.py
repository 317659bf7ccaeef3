"""Tensor work of hookcount's own, unseen by any mode that is active."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def quiet() -> Iterator[None]:
    """No dispatch mode, no torch-function mode and no autograd sees what runs in here."""
    with torch._C._DisableTorchDispatch(), torch._C.DisableTorchFunction(), torch.no_grad():
        yield

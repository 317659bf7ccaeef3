"""Transforms under which a module's ops do more work than the shapes of its inputs say.

Under ``torch.func.vmap`` a module sees the shapes of one example, and its ops work on all examples.
Under ``jvp``, ``grad`` and their kin, and at a level of forward-mode derivatives, a module's ops
work out derivatives too.
"""

from __future__ import annotations

import torch
from torch.autograd import forward_ad

_level = torch._C._functorch.maybe_current_level


def transformed() -> bool:
    """Whether such a transform is active in this thread."""
    return _level() is not None or forward_ad._current_level >= 0

"""Taking transformer layers off torch's fused path, as the hooks of another tool do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def unfused(modules: Iterable[nn.Module]) -> Iterator[None]:
    """In the block, each ``nn.TransformerEncoderLayer`` among ``modules`` runs its parts.

    A layer with a hook on it does not take its fused path. Tools that hook modules see the parts.
    """
    layers = [each for each in modules if isinstance(each, nn.TransformerEncoderLayer)]
    handles = [each.register_forward_hook(_nothing) for each in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _nothing(module: nn.Module, args: object, out: object) -> None:
    return None

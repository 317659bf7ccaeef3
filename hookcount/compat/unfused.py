"""Transformer layers off torch's fused path, as under the hooks of another tool."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import nn

from ..observe.in_turn import turn_for


@contextmanager
def unfused(modules: Iterable[nn.Module]) -> Iterator[None]:
    """In the block, each ``nn.TransformerEncoderLayer`` in ``modules`` calls its submodules.

    Without a hook, such a layer may run as one fused op. With a hook, torch does not use this
    fused path. A tool that hooks modules therefore sees the submodules. Counts of these layers in
    other threads wait.
    """
    layers = [each for each in modules if isinstance(each, nn.TransformerEncoderLayer)]
    with turn_for(layers):
        handles = [each.register_forward_hook(_nothing) for each in layers]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def _nothing(module: nn.Module, args: object, out: object) -> None:
    return None

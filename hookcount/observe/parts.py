"""The part that this rank holds of a tensor.

A ``DTensor`` wraps the part of a larger tensor that this rank holds. Its ops run on that part. An
``AsyncCollectiveTensor`` wraps the result of a collective that may still be under way.

``torch.distributed.tensor`` is never imported here. A process without it has no such tensor.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import nn

PLAIN = frozenset((torch.Tensor, nn.Parameter))
"""The types of tensors that wrap nothing."""


def dtensor() -> type | None:
    """The class ``DTensor``; None as long as nobody has imported it."""
    found: type | None = getattr(sys.modules.get("torch.distributed.tensor"), "DTensor", None)
    return found


def pending() -> type | None:
    """The class ``AsyncCollectiveTensor``; None as long as nobody has imported it."""
    module = sys.modules.get("torch.distributed._functional_collectives")
    found: type | None = getattr(module, "AsyncCollectiveTensor", None)
    return found


def is_shared(tensor: object) -> bool:
    """Whether a tensor is a ``DTensor``: several ranks hold it together."""
    if type(tensor) in PLAIN:
        return False
    cls = dtensor()
    return cls is not None and isinstance(tensor, cls)


def part(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor that this rank holds of ``tensor``: that inside a wrapper, else itself."""
    if type(tensor) in PLAIN:
        return tensor
    held: Any = tensor
    shared, waiting = dtensor(), pending()
    while True:
        kind = type(held)
        if shared is not None and issubclass(kind, shared):
            held = held._local_tensor
        elif waiting is not None and issubclass(kind, waiting):
            held = held.elem
        else:
            found: torch.Tensor = held
            return found


def with_parts(tensors: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
    """Each tensor, and this rank's part of each ``DTensor``."""
    for tensor in tensors:
        yield tensor
        if is_shared(tensor):
            yield part(tensor)


def shared_as(tensor: Any, local: torch.Tensor) -> torch.Tensor:
    """A ``DTensor`` that is placed as ``tensor`` is. This rank's part of it is ``local``."""
    made: torch.Tensor = type(tensor)(local, tensor._spec, requires_grad=tensor.requires_grad)
    return made


def wrappers(kinds: tuple[type, ...]) -> tuple[bool, bool]:
    """Whether there is a ``DTensor`` among these classes, and an ``AsyncCollectiveTensor``."""
    shared, waiting = dtensor(), pending()
    return (
        shared is not None and any(issubclass(each, shared) for each in kinds),
        waiting is not None and any(issubclass(each, waiting) for each in kinds),
    )

"""What an object has besides its ``__dict__``: slots, and the items of a built-in container."""

from __future__ import annotations

import types
from typing import Any

from torch import nn

from ..core.lifetimes import HEAP, ByIdentity

_IMMUTABLE = 1 << 8
"""The flag of a class that cannot be changed. ``deque`` has it; since Python 3.12 on the heap."""
_has_more: ByIdentity[bool] = ByIdentity()
_known = _has_more.values


def slots(kind: type) -> list[Any]:
    """The descriptors of a class's ``__slots__``, and of those of its bases."""
    return [
        slot
        for cls in kind.__mro__
        if "__slots__" in vars(cls)
        for slot in vars(cls).copy().values()
        if type(slot) is types.MemberDescriptorType
    ]


def built_in_base(kind: type) -> Any:
    """The nearest base that is built into the interpreter. For most classes it is ``object``."""
    return next(cls for cls in kind.__mro__ if cls.__flags__ & (HEAP | _IMMUTABLE) != HEAP)


def has_more(kind: type) -> bool:
    """Whether objects of a class have slots or the contents of a built-in class."""
    known = _known.get(id(kind))
    if known is None:
        more = bool(slots(kind)) or built_in_base(kind) is not object
        known = _has_more.put(kind, more)
    return known


def is_module(value: object) -> bool:
    """Whether a value is a module, and not a proxy or a mock that passes for one."""
    return issubclass(type(value), nn.Module)

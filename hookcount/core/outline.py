"""``Outline``: what a pickle keeps of an object that is neither plain data nor a module."""

from __future__ import annotations

import types
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

SCALARS = frozenset((int, float, bool, str, bytes, complex, type(None), type(...)))
"""Builtin types whose values a pickle keeps."""
TORCHS = frozenset((torch.dtype, torch.device, torch.layout, torch.memory_format))
"""Types of torch whose values a pickle keeps."""
FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType)
NUMBERS = (int, float, str, bytes, complex)
LONG = 1_000
"""Items. Of a longer container a pickle keeps only the name of its type."""
_MANY = 200
"""The same limit for an object that is no module: attributes, and items of its containers."""
_DEPTH = 6
_TYPE = "<type>"


class Outline:
    """What a pickle keeps of an object: the name of its type, and its plain attributes.

    Plain attributes are numbers, text, classes and functions, and containers of these. So a pickle
    runs no code of a user's class, and an object that cannot be pickled does no harm.
    """

    def __init__(self, kind: str, attributes: Mapping[str, object] | None = None) -> None:
        vars(self).update(attributes or {})
        vars(self)[_TYPE] = kind

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        kind = vars(self).get(_TYPE, "an object")
        raise AttributeError(
            f"{name!r} of {kind} is not here: a pickled report keeps only the plain attributes "
            "of objects that are no modules"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        attributes = dict(vars(self))
        return Outline, (attributes.pop(_TYPE), attributes)

    def __repr__(self) -> str:
        return f"<{vars(self)[_TYPE]}>"


def outlined(value: object, depth: int = 2) -> object:
    """A plain value as it is; of any other object its outline, ``depth`` levels deep."""
    kind, name = type(value), type(value).__name__
    # no isinstance: it reads an attribute of the object, which a dead proxy does not have
    if issubclass(kind, (type, torch.Tensor, *FUNCTIONS, *NUMBERS)):
        return value  # the pickler knows these
    if issubclass(kind, (nn.Module, types.ModuleType)) or depth == 0:
        return Outline(name)
    try:
        attributes = dict(value) if issubclass(kind, dict) else vars(value)  # type: ignore[call-overload]
    except Exception:  # a lock, a generator, a file, a dead proxy
        return Outline(name)
    if type(attributes) is not dict or len(attributes) > _MANY:
        return Outline(name)
    kept: Any = contained(attributes, lambda each: outlined(each, depth - 1), _MANY)
    return kept if issubclass(kind, dict) else Outline(name, kept)


def contained(
    value: object, leaf: Callable[[object], object], at_most: int = LONG, depth: int = _DEPTH
) -> object:
    """``value`` with ``leaf`` applied to each object in it that is no container and no scalar.

    Containers are copied. A container that is deep or has over ``at_most`` items becomes an
    ``Outline``.
    """
    kind: Any = type(value)
    if kind in SCALARS or kind in TORCHS or kind is torch.Size:
        return value
    if kind not in (tuple, list, set, frozenset, dict, OrderedDict):
        return leaf(value)
    assert isinstance(value, (tuple, list, set, frozenset, dict))
    if len(value) > at_most or depth == 0:
        return Outline(kind.__name__)

    def inside(item: object) -> object:
        return contained(item, leaf, at_most, depth - 1)

    if isinstance(value, dict):
        # a key can be any object too
        pairs = [(inside(key), inside(item)) for key, item in value.items()]
        return kind(pairs)
    return kind([inside(item) for item in value])

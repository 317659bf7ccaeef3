"""The sizes of inputs and outputs, as ``torchinfo.summary`` shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...core.errors import error_text, module_at
from ...core.trace import ModuleRun, Spec
from ...observe.specs import Array
from .errors import FailedRunError

_WITH_SIZES = (Spec, Array, Mapping, list, tuple, type(None))
"""What a module may return. torchinfo raises for any other value."""


def sizes_of(value: object, batch_dim: int | None) -> tuple[list[Any], list[int], int]:
    """The size as it is shown, its ints, and the bytes of an item.

    In a structure, the axis ``batch_dim`` is 1. The size of a mapping is then a list in a list.
    """
    found = first_tensor(list(value.values())[-1:] if isinstance(value, Mapping) else value)
    size = [] if found is None else list(found.shape)
    item = 0 if found is None else found.itemsize
    if batch_dim is None or not isinstance(value, (Mapping, list, tuple)):
        return size, size, item
    is_first = bool(value) and not isinstance(value, Mapping) and value[0] is found
    if isinstance(value, Mapping) or is_first or batch_dim < len(size):
        size = [*size[:batch_dim], 1, *size[batch_dim + 1 :]]
    return [size] if isinstance(value, Mapping) else size, size, item


def first_tensor(value: object) -> Spec | Array | None:
    """The tensor whose size is shown: the first one in a structure."""
    while not isinstance(value, (Spec, Array)):
        if isinstance(value, Mapping):
            value = list(value.values())
        elif hasattr(value, "tensors"):
            value = [value.tensors]
        if not isinstance(value, (list, tuple)) or not value:
            return None
        value = value[0]
    return value


class Sizeless:
    """The calls whose outputs have no size."""

    def __init__(self) -> None:
        self._parents: dict[int, int | None] = {}
        self._found: dict[int, ModuleRun] = {}

    def note(self, index: int, run: ModuleRun) -> None:
        """Note a run, which is the one with the number ``index`` in its trace."""
        self._parents[index] = run.parent
        if run.call is not None and not isinstance(run.call.out, _WITH_SIZES):
            self._found[index] = run

    def check(self) -> None:
        """Raise ``FailedRunError`` for the first call that returned an output without a size."""
        around: set[int | None] = set()
        for index in self._found:
            parent = self._parents[index]
            while parent is not None:
                around.add(parent)
                parent = self._parents.get(parent)
        for index, run in self._found.items():
            if index not in around:
                out = None if run.call is None else run.call.out
                what = f"its output is of the type {getattr(out, 'type', type(out).__name__)}"
                fix = "return tensors, or a list, tuple or dict of them. hookcount.count takes all"
                where = module_at(run.path, run.type)
                raise FailedRunError(error_text(where, f"{what}, which has no size", fix))

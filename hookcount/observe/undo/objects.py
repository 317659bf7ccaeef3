"""Keeps the Python objects that a forward may change, and puts them back.

A walk goes from the model's attributes and the arguments through containers and plain objects. Each
object is visited once. ``kinds.py`` says how an object of each kind is kept.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import nn

from ..layout import slots
from .snapshots import (
    CONTAINERS,
    Attributes,
    ClassData,
    Items,
    Kept,
    Slots,
    attributes,
    functions,
    items,
)

PLAIN = frozenset(
    (
        *(int, float, bool, str, bytes, complex, type(None), type(Ellipsis)),
        *(torch.dtype, torch.device, torch.layout, torch.memory_format, torch.Size),
        *(types.ModuleType, types.CodeType, range, slice),
    )
)
"""Types of values that never change."""
MOST = 200_000
"""How many objects a walk visits at most, and how many items a container may have to be kept."""
_DEEP = 100
"""Levels of recursion. Deeper objects wait in a list, since Python limits recursion."""
Handler = Callable[["Objects", Any], object]
"""Keeps an object, visits its parts, and returns what the run gets in its place."""


class Objects:
    """The objects that were reached. The steps of ``restore_steps`` put them back.

    ``tensors`` and ``modules`` are those that were found; a module found here is in no module tree.
    """

    def __init__(self, handler: Callable[[type], Handler]) -> None:
        """``handler`` gives the handler for objects of a type."""
        self.tensors: list[torch.Tensor] = []
        self.modules: list[nn.Module] = []
        self.kept: list[Kept] = []
        self.bare: list[tuple[torch.Tensor, type]] = []
        """Tensors without attributes, with their types."""
        self._seen: dict[int, object] = {}  # holds the objects, so that no identity is used again
        self._classes: set[type] = set()
        self._copies: dict[int, object] = {}
        self._later: list[object] = []
        self._depth = 0
        self._handler = handler
        self._handlers: dict[type, Handler] = {}

    def tree_tensors(self, tensors: Iterable[torch.Tensor]) -> None:
        """Keep the tensors of a module tree, which are many."""
        for value in tensors:
            kind = type(value)
            if id(value) in self._seen:
                continue
            if (kind is nn.Parameter or kind is torch.Tensor) and value.is_leaf:
                self._seen[id(value)] = value
                self.tensors.append(value)
                self.attributes_of_tensor(value, value.__dict__)
            else:
                self.reach(value)

    def attributes_of_tensor(self, tensor: torch.Tensor, named: dict[str, object]) -> None:
        """Keep the attributes of a tensor. Most tensors have none."""
        if named:
            self.kept.append(Attributes(tensor, named))
            self.dictionary(named)
        else:
            self.bare.append((tensor, type(tensor)))

    def restore_steps(self) -> Iterator[Callable[[], None]]:
        """Steps that put back what was kept, the last first."""
        yield from (each.restore for each in reversed(self.kept))
        yield self._restore_bare

    def _restore_bare(self) -> None:
        for tensor, kind in self.bare:
            if type(tensor) is not kind:
                tensor.__class__ = kind
            if tensor.__dict__:
                tensor.__dict__.clear()

    def know(self, values: Iterable[object]) -> None:
        """Do not visit these objects."""
        self._seen.update((id(value), value) for value in values)

    def reach(self, value: Any) -> Any:
        """Keep an object and everything in it. Returns what the run gets in its place.

        That is the object itself. Only what cannot be put back is replaced by a copy: an iterator,
        and a tensor in a graph.
        """
        kind = type(value)
        if kind in PLAIN:
            return value
        key = id(value)
        if key in self._seen:
            return self._copies.get(key, value)
        if len(self._seen) > MOST:
            return value
        if self._depth > _DEEP:
            self._later.append(value)
            return value
        self._seen[key] = value
        handler = self._handlers.get(kind)
        if handler is None:
            handler = self._handlers[kind] = self._handler(kind)
        self._depth += 1
        try:
            given = handler(self, value)
        except Exception:  # an object with a broken protocol is left as it is
            given = value
        finally:
            self._depth -= 1
        if given is not value:
            self._copies[key] = given
        while self._later and not self._depth:
            self.reach(self._later.pop())
        return given

    def dictionary(self, value: dict[Any, Any]) -> None:
        """Visit the values of a dict, which is kept already."""
        if not PLAIN.issuperset(map(type, dict.keys(value))):
            for name in list(dict.keys(value)):
                self.reach(name)
        if PLAIN.issuperset(map(type, dict.values(value))):
            return
        for name, item in list(dict.items(value)):
            given = self.reach(item)
            if given is not item:
                dict.__setitem__(value, name, given)

    def module(self, module: nn.Module) -> None:
        """Keep a module that is in no module tree, with its parameters and children."""
        self.modules.append(module)
        self.object(module)
        self.contents(module)

    def attributes(self, value: object) -> None:
        """Keep an object's ``__dict__``."""
        held = attributes(value)
        if held is not None:
            self.kept.append(Attributes(value, held))
            self.dictionary(held)

    def object(self, value: object) -> object:
        """Keep an object's ``__dict__`` and ``__slots__``, and the data in its class."""
        self.attributes(value)
        self.slots(value)
        self.class_data(type(value))
        return value

    def slots(self, value: Any) -> None:
        """Keep an object's ``__slots__``."""
        if found := slots(type(value)):
            kept = Slots(value, found)
            self.kept.append(kept)
            for slot, item in kept.values():
                given = self.reach(item)
                if given is not item:
                    slot.__set__(value, given)

    def contents(self, value: Any) -> None:
        """Keep the items of an object that is a built-in container too."""
        if issubclass(type(value), CONTAINERS):
            self.kept.append(Items(value))
            for item in items(value):
                self.reach(item)

    def defaults(self, function: types.FunctionType) -> None:
        """Keep the defaults of a function, and its attributes."""
        for value in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self.reach(value)
        if named := vars(function):
            self.kept.append(Items(named))
            for value in named.values():
                if not isinstance(value, types.FunctionType):  # what a decorator wrapped
                    self.reach(value)

    def class_data(self, kind: type) -> None:
        """Keep the data in a class of the user's and in its bases.

        That of its functions too: defaults and attributes. But what a function has in its closure
        is left to the code around the class, which may record there what the forward did.
        """
        if kind in self._classes:
            return
        if type(kind) is not type:
            self.class_data(type(kind))
        for cls in kind.__mro__:
            if cls in self._classes:
                return
            self._classes.add(cls)
            if cls.__module__.partition(".")[0] not in _NOT_THE_USERS:
                data = ClassData(cls)
                self.kept.append(data)
                for value in data.values():
                    if type(value) not in PLAIN:
                        self.reach(value)
                for value in vars(cls).copy().values():
                    if isinstance(value, type):
                        self.class_data(value)
                for function in functions(cls):
                    self.defaults(function)


_NOT_THE_USERS = frozenset((*sys.stdlib_module_names, "torch", "torchvision", "numpy")) - {
    "__main__"
}

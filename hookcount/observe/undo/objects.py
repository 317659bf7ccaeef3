"""Keeps the Python objects that a forward may change, and puts them back.

A walk goes from the model's attributes and the arguments through containers and plain objects. Each
object is visited once. Its items and attributes are compared by identity afterwards.
"""

from __future__ import annotations

import enum
import functools
import io
import sys
import types
from array import array
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from operator import is_
from typing import Any, Protocol

import torch
from torch import nn

from ..parts import part
from .iterators import ITERATORS, copied
from .sources import source
from .tensors import same

PLAIN = frozenset(
    (
        *(int, float, bool, str, bytes, complex, type(None), type, type(Ellipsis)),
        *(torch.dtype, torch.device, torch.layout, torch.memory_format, torch.Size),
        *(types.ModuleType, types.CodeType, range, slice),
    )
)
"""Types of values that never change."""
MOST = 200_000
"""How many objects a walk visits at most, and how many items a container may have to be kept."""
_DEEP = 100
"""Levels of recursion. Deeper objects wait in a list, since Python limits recursion."""
_HOLDERS = frozenset(
    ("argparse", "builtins", "collections", "functools", "queue", "types", "weakref", "_weakrefset")
)
"""The modules of Python's library whose objects hold the user's values."""
_TORCHS = ("torch.nn.", "torch.optim.", "torch.ao.", "torch.return_types")
"""The parts of torch whose objects hold the user's values."""


class Kept(Protocol):
    """Something that was kept and can be put back."""

    def restore(self) -> None: ...


class Items:
    """The items of a container, in order."""

    __slots__ = ("_before", "_now")

    def __init__(self, now: Any) -> None:
        self._now = now
        self._before = _items(now)

    def restore(self) -> None:
        now = _items(self._now)
        if len(now) != len(self._before) or not all(map(is_, now, self._before)):
            _refill(self._now, self._before)


def _items(container: Any) -> list[Any]:
    """A container's items; of a dict the keys and then the values."""
    if isinstance(container, dict):
        kind: Any = OrderedDict if isinstance(container, OrderedDict) else dict
        return [*kind.keys(container), *kind.values(container)]
    return list(_KINDS_OF_ITEMS[_base(container)].__iter__(container))


_KINDS_OF_ITEMS: dict[type, Any] = {
    list: list,
    set: set,
    deque: deque,
    bytearray: bytearray,
    array: array,
}


def _base(container: object) -> type:
    return next(kind for kind in _KINDS_OF_ITEMS if isinstance(container, kind))


def _refill(container: Any, items: list[Any]) -> None:
    """Give a container these items. A subclass's own methods do not run."""
    if isinstance(container, dict):
        half = len(items) // 2
        kind: Any = OrderedDict if isinstance(container, OrderedDict) else dict
        set_items(kind, container, dict(zip(items[:half], items[half:], strict=True)))
        return
    kind = _base(container)
    if kind is list or kind is bytearray:
        kind.__setitem__(container, slice(None), items)
    elif kind is array:
        container[:] = array(container.typecode, items)
    elif kind is set:
        set.clear(container)
        set.update(container, items)
    else:
        deque.clear(container)
        deque.extend(container, items)


class Attributes:
    """The ``__dict__`` of an object."""

    __slots__ = ("_before", "_kind", "_now", "_owner")

    def __init__(self, owner: object, now: dict[str, object]) -> None:
        self._owner = owner
        self._kind = type(owner)
        self._now = now
        self._before = now.copy()

    def restore(self) -> None:
        if type(self._owner) is not self._kind:
            object.__setattr__(self._owner, "__class__", self._kind)
        if attributes(self._owner) is not self._now:
            object.__setattr__(self._owner, "__dict__", self._now)
        put_back(self._now, self._before)


def put_back(now: dict[str, Any], before: dict[str, Any]) -> None:
    """Give a dict the items of ``before``, its copy, unless it still has them in this order.

    Another thread may read the dict meanwhile. So what stays is not taken out.
    """
    if (
        len(now) != len(before)
        or not all(map(is_, now, before))
        or not all(map(is_, now.values(), before.values()))
    ):
        set_items(dict, now, before)


def set_items(kind: Any, now: dict[Any, Any], before: dict[Any, Any]) -> None:
    """Give a dict other items. ``kind`` has the methods: ``dict`` or ``OrderedDict``."""
    for key in [key for key in kind.keys(now) if key not in before]:
        kind.__delitem__(now, key)
    for key, value in before.items():
        if key not in now or kind.__getitem__(now, key) is not value:
            kind.__setitem__(now, key, value)
    if not all(map(is_, kind.keys(now), before)):
        for key, value in before.items():
            kind.__delitem__(now, key)
            kind.__setitem__(now, key, value)


class Slots:
    """The ``__slots__`` of an object. An empty slot has no value."""

    __slots__ = ("_before", "_owner")

    def __init__(self, owner: object, slots: list[Any]) -> None:
        self._owner = owner
        self._before = [(slot, *self._value(slot)) for slot in slots]

    def _value(self, slot: Any) -> tuple[object, ...]:
        try:
            return (slot.__get__(self._owner),)
        except AttributeError:
            return ()

    def values(self) -> Iterable[tuple[Any, object]]:
        """Each slot that has a value, with the value."""
        return [(slot, *value) for slot, *value in self._before if value]

    def restore(self) -> None:
        for slot, *value in self._before:
            now = self._value(slot)
            if value and not (now and now[0] is value[0]):
                slot.__set__(self._owner, value[0])
            elif now and not value:
                slot.__delete__(self._owner)


class Cell:
    """The variable of an enclosing function (``nonlocal``)."""

    __slots__ = ("_before", "_cell")

    def __init__(self, cell: types.CellType) -> None:
        self._cell = cell
        self._before = cell.cell_contents

    def restore(self) -> None:
        self._cell.cell_contents = self._before


class Values:
    """The memory of a numpy array, and its shape."""

    __slots__ = ("_array", "_copy")

    def __init__(self, held: Any) -> None:
        self._array = held
        self._copy = held.copy(order="K")

    def restore(self) -> None:
        now, before = self._array, self._copy
        if now.shape != before.shape:
            now.shape = before.shape
        if before.dtype.hasobject:
            changed = not all(map(is_, now.flat, before.flat))
        else:
            changed = now.tobytes() != before.tobytes()
        if changed:
            now[...] = before


class File:
    """A file in memory: its contents and its position."""

    __slots__ = ("_before", "_file", "_position")

    def __init__(self, file: Any) -> None:
        self._file = file
        self._before = file.getvalue()
        self._position = file.tell()

    def restore(self) -> None:
        if self._file.getvalue() != self._before:
            self._file.seek(0)
            self._file.truncate()
            self._file.write(self._before)
        self._file.seek(self._position)


class ClassData:
    """The data in a class. Functions and properties are code and stay out."""

    __slots__ = ("_before", "_cls")

    def __init__(self, cls: type) -> None:
        self._cls = cls
        self._before = _data(cls)

    def values(self) -> Iterable[object]:
        return self._before.values()

    def restore(self) -> None:
        now, before = _data(self._cls), self._before
        for name, value in before.items():
            if name not in now or now[name] is not value:
                type.__setattr__(self._cls, name, value)
        for name in now:
            if name not in before:
                type.__delattr__(self._cls, name)


_CODE = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MemberDescriptorType,
    types.GetSetDescriptorType,
    functools.cached_property,
    property,
    classmethod,
    staticmethod,
    type,
)


def _data(cls: type) -> dict[str, object]:
    return {
        name: value
        for name, value in vars(cls).copy().items()
        if not isinstance(value, _CODE) and not (name.startswith("__") or name == "_abc_impl")
    }


def attributes(value: object) -> dict[str, object] | None:
    """An object's ``__dict__``, without its own ``__getattribute__``; None if it has none."""
    try:
        found = object.__getattribute__(value, "__dict__")
    except Exception:
        return None
    return found if isinstance(found, dict) else None


class Objects:
    """The objects that were reached. The steps of ``restore_steps`` put them back.

    ``tensors`` and ``modules`` are those that were found; a module found here is in no module tree.
    """

    def __init__(self) -> None:
        self.tensors: list[torch.Tensor] = []
        self.modules: list[nn.Module] = []
        self.kept: list[Kept] = []
        self.bare: list[tuple[torch.Tensor, type]] = []
        """Tensors without attributes, with their types."""
        self._seen: dict[int, object] = {}  # holds the objects, so that no identity is used again
        self._copies: dict[int, object] = {}
        self._later: list[object] = []
        self._depth = 0
        self._handlers: dict[type, Callable[[Objects, Any], object]] = dict(_HANDLERS)

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
            handler = self._handlers[kind] = _handler(kind)
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

    def attributes(self, value: object) -> None:
        """Keep an object's ``__dict__``."""
        held = attributes(value)
        if held is not None:
            self.kept.append(Attributes(value, held))
            self.dictionary(held)

    def object(self, value: object) -> object:
        """Keep an object's ``__dict__`` and ``__slots__``, and the data in its class."""
        self.attributes(value)
        if slots := _slots(type(value)):
            kept = Slots(value, slots)
            self.kept.append(kept)
            for slot, item in kept.values():
                given = self.reach(item)
                if given is not item:
                    slot.__set__(value, given)
        self.class_data(type(value))
        return value

    def class_data(self, kind: type) -> None:
        """Keep the data in a class of the user's and in its bases."""
        if id(kind) in self._seen:
            return
        for cls in kind.__mro__:
            if id(cls) in self._seen:
                return
            self._seen[id(cls)] = cls
            if cls.__module__.partition(".")[0] not in _NOT_THE_USERS:
                data = ClassData(cls)
                self.kept.append(data)
                for value in data.values():
                    if type(value) not in PLAIN:
                        self.reach(value)


_NOT_THE_USERS = frozenset((*sys.stdlib_module_names, "torch", "torchvision", "numpy")) - {
    "__main__"
}


def _slots(kind: type) -> list[Any]:
    return [
        slot
        for cls in kind.__mro__
        if "__slots__" in vars(cls)
        for slot in vars(cls).copy().values()
        if type(slot) is types.MemberDescriptorType
    ]


# -- a handler for each kind: it keeps the object, visits its parts, and returns what the run gets


def _dict(objects: Objects, value: dict[Any, Any]) -> object:
    if len(value) <= MOST:
        objects.kept.append(Items(value))
        objects.dictionary(value)
    if type(value) not in (dict, OrderedDict):
        objects.object(value)
    return value


def _list(objects: Objects, value: Any) -> object:
    """A list or deque."""
    if len(value) <= MOST:
        objects.kept.append(Items(value))
        if not PLAIN.issuperset(map(type, value)):
            for index, item in enumerate(_items(value)):
                given = objects.reach(item)
                if given is not item:
                    value[index] = given
    if type(value) not in (list, deque):
        objects.object(value)
    return value


def _set(objects: Objects, value: Any) -> object:
    """A set, bytearray or array, whose items are not replaced."""
    if len(value) <= MOST:
        objects.kept.append(Items(value))
        if isinstance(value, set):
            for item in list(set.__iter__(value)):
                objects.reach(item)
    if type(value) not in (set, bytearray, array):
        objects.object(value)
    return value


def _tuple(objects: Objects, value: Any) -> object:
    if PLAIN.issuperset(map(type, value)) or len(value) > MOST:
        return value
    items = [objects.reach(item) for item in value]
    if all(map(is_, items, value)):
        return value
    return type(value)._make(items) if hasattr(value, "_make") else type(value)(items)


def _frozenset(objects: Objects, value: frozenset[object]) -> object:
    for item in value:
        objects.reach(item)
    return value


def _tensor(objects: Objects, value: torch.Tensor) -> object:
    """A tensor. For one inside a graph the run gets an equal one, as a graph has no way back."""
    objects.tensors.append(value)
    held = part(value)
    if held is not value:
        objects.reach(held)
    if type(value) is torch.Tensor and not value.is_leaf:
        made = same(value)
        if made is not None:
            objects.tensors.append(made)
            return made
    named = attributes(value)
    if named is not None:
        objects.attributes_of_tensor(value, named)
    return value


def _module(objects: Objects, value: nn.Module) -> object:
    objects.module(value)
    return value


def _function(objects: Objects, value: types.FunctionType) -> object:
    for cell in value.__closure__ or ():
        try:
            kept = Cell(cell)
        except ValueError:  # the variable has no value yet
            continue
        objects.kept.append(kept)
        given = objects.reach(cell.cell_contents)
        if given is not cell.cell_contents:
            cell.cell_contents = given
    for item in (*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()):
        objects.reach(item)
    if vars(value):
        objects.kept.append(Items(vars(value)))
        objects.dictionary(vars(value))
    return value


def _method(objects: Objects, value: types.MethodType) -> object:
    objects.reach(value.__self__)
    objects.reach(value.__func__)
    return value


def _partial(objects: Objects, value: functools.partial[object]) -> object:
    for item in (value.func, value.args, value.keywords):
        objects.reach(item)
    return objects.object(value)


def _bound(objects: Objects, value: Any) -> object:
    """A method of a built-in type, such as ``items.append``."""
    objects.reach(value.__self__)
    return value


def _view(objects: Objects, value: memoryview) -> object:
    objects.reach(value.obj)
    return value


def _proxy(objects: Objects, value: types.MappingProxyType[object, object]) -> object:
    for item in value.values():
        objects.reach(item)
    return value


def _buffer(objects: Objects, value: Any) -> object:
    """A ``BytesIO`` or ``StringIO``."""
    objects.kept.append(File(value))
    return value


def _enum(objects: Objects, value: enum.Enum) -> object:
    objects.attributes(value)
    return value


def _iterator(objects: Objects, value: Any) -> object:
    return copied(value, objects.reach)


def _leave(objects: Objects, value: object) -> object:
    return value


def _array(objects: Objects, value: Any) -> object:
    """A numpy array. One that is read-only or too large is left as it is."""
    if value.flags.writeable and value.size <= MOST * 50:
        objects.kept.append(Values(value))
        if value.dtype.hasobject:
            for item in value.flat:
                objects.reach(item)
    return value


def _source(objects: Objects, value: Any) -> object:
    """A generator of random numbers."""
    kept = source(value)
    if kept is not None:
        objects.kept.append(kept)
    return value


_HANDLERS: dict[type, Callable[[Objects, Any], object]] = {
    dict: _dict,
    OrderedDict: _dict,
    list: _list,
    deque: _list,
    set: _set,
    tuple: _tuple,
    frozenset: _frozenset,
    torch.Tensor: _tensor,
    nn.Parameter: _tensor,
    types.FunctionType: _function,
    types.MethodType: _method,
    functools.partial: _partial,
    torch.Generator: _source,
    types.GeneratorType: _leave,
    types.BuiltinFunctionType: _bound,
    types.MappingProxyType: _proxy,
    memoryview: _view,
    io.BytesIO: _buffer,
    io.StringIO: _buffer,
    **dict.fromkeys(ITERATORS, _iterator),
}
_BASES: list[tuple[type, Callable[[Objects, Any], object]]] = [
    (torch.Tensor, _tensor),
    (nn.Module, _module),
    (dict, _dict),
    (list, _list),
    (deque, _list),
    (set, _set),
    (bytearray, _set),
    (array, _set),
    (tuple, _tuple),
    (frozenset, _frozenset),
    (functools.partial, _partial),
    (enum.Enum, _enum),
    (BaseException, _leave),
    (type, _leave),
]


def _handler(kind: type) -> Callable[[Objects, Any], object]:
    """The handler for objects of a type."""
    names = [f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__]
    if "numpy.ndarray" in names:
        return _array
    if "random.Random" in names or any(name.startswith("numpy.random.") for name in names):
        return _source
    for base, handler in _BASES:
        if base in kind.__mro__:
            return handler
    home = kind.__module__
    root = home.partition(".")[0]
    if root == "torch":
        return _object if home.startswith(_TORCHS) else _leave
    if root in sys.stdlib_module_names and root not in _HOLDERS and root != "__main__":
        return _leave
    return _object


def _object(objects: Objects, value: object) -> object:
    return objects.object(value)

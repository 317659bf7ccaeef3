"""How an object of each kind is kept: a handler keeps it and visits its parts."""

from __future__ import annotations

import contextvars
import enum
import functools
import io
import sys
import threading
import types
import weakref
from array import array
from collections import OrderedDict, deque
from typing import Any

import torch
from torch import nn

from ..parts import part
from ..quiet import quiet
from .containers import of_array, of_dict, of_frozenset, of_list, of_set, of_tuple
from .iterators import ITERATORS, copied
from .objects import Handler, Objects
from .snapshots import Cell, File, attributes
from .sources import source
from .tensors import same

_HOLDERS = frozenset(
    (
        *("argparse", "builtins", "collections", "configparser", "functools", "queue", "types"),
        *("weakref", "_weakrefset"),
    )
)
"""The modules of Python's library whose objects hold the user's values."""
_TORCHS = (
    *("torch.nn.", "torch.optim.", "torch.ao.", "torch.return_types", "torch.distributions."),
    *("torch.amp.", "torch.cuda.amp.", "torch.utils.data."),
)
"""The parts of torch whose objects hold the user's values."""


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


def _memory(objects: Objects, value: Any) -> object:
    """A storage. A tensor that shows all of it is protected in its place."""
    memory = value.untyped() if hasattr(value, "untyped") else value
    with quiet():
        objects.tensors.append(torch.empty(0, dtype=torch.uint8, device=memory.device).set_(memory))
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
    objects.defaults(value)
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
    objects.class_data(type(value))
    return value


def _class(objects: Objects, value: type) -> object:
    objects.class_data(value)
    return value


def _weak(objects: Objects, value: weakref.ref[object]) -> object:
    objects.reach(value())
    return value


def _weak_proxy(objects: Objects, value: Any) -> object:
    objects.reach(value.__reduce_ex__.__self__)  # a method of the object itself
    return value


def _of_thread(objects: Objects, value: object) -> object:
    """A ``threading.local``: the values of this thread."""
    objects.attributes(value)
    return value


def _of_context(objects: Objects, value: contextvars.ContextVar[object]) -> object:
    objects.reach(value.get(None))
    return value


def _iterator(objects: Objects, value: Any) -> object:
    return copied(value, objects.reach)


def _leave(objects: Objects, value: object) -> object:
    return value


def _source(objects: Objects, value: Any) -> object:
    """A generator of random numbers."""
    kept = source(value)
    if kept is not None:
        objects.kept.append(kept)
    return value


_HANDLERS: dict[type, Handler] = {
    dict: of_dict,
    OrderedDict: of_dict,
    list: of_list,
    deque: of_list,
    set: of_set,
    tuple: of_tuple,
    frozenset: of_frozenset,
    torch.Tensor: _tensor,
    nn.Parameter: _tensor,
    types.FunctionType: _function,
    types.MethodType: _method,
    functools.partial: _partial,
    torch.Generator: _source,
    torch.UntypedStorage: _memory,
    torch.TypedStorage: _memory,
    types.GeneratorType: _leave,
    types.BuiltinFunctionType: _bound,
    types.MappingProxyType: _proxy,
    memoryview: _view,
    type: _class,
    weakref.ProxyType: _weak_proxy,
    weakref.CallableProxyType: _weak_proxy,
    contextvars.ContextVar: _of_context,
    io.BytesIO: _buffer,
    io.StringIO: _buffer,
    **dict.fromkeys(ITERATORS, _iterator),
}
_BASES: list[tuple[type, Handler]] = [
    (torch.Tensor, _tensor),
    (nn.Module, _module),
    (dict, of_dict),
    (list, of_list),
    (deque, of_list),
    (set, of_set),
    (bytearray, of_set),
    (array, of_set),
    (tuple, of_tuple),
    (frozenset, of_frozenset),
    (functools.partial, _partial),
    (enum.Enum, _enum),
    (BaseException, _leave),
    (type, _class),
    (weakref.ref, _weak),
    (threading.local, _of_thread),
]


def handler(kind: type) -> Handler:
    """The handler for objects of a type."""
    known = _HANDLERS.get(kind)
    if known is not None:
        return known
    names = [f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__]
    if "numpy.ndarray" in names:
        return of_array
    if "random.Random" in names or any(name.startswith("numpy.random.") for name in names):
        return _source
    for base, found in _BASES:
        if base in kind.__mro__:
            return found
    home = kind.__module__
    root = home.partition(".")[0]
    if root == "torch":
        return _object if home.startswith(_TORCHS) else _leave
    if root in sys.stdlib_module_names and root not in _HOLDERS and root != "__main__":
        return _leave
    return _object


def _object(objects: Objects, value: object) -> object:
    return objects.object(value)

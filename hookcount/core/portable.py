"""``Portable``: results that any process can unpickle, whatever the model is made of.

Such a result is pickled by a pickler of its own. This pickler knows what a stand-in may hold:

- A class that another process may not have is described, see ``classes``.
- A tensor becomes a meta tensor of its shape.
- A module keeps its attributes, and no hook. No code of its class runs.
- Any other object is outlined, see ``outline``.
"""

from __future__ import annotations

import copyreg
import importlib
import io
import pickle
import types
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, SupportsIndex, TypeVar, cast

import torch
from torch import nn

from . import classes, opnames
from .outline import (
    FUNCTIONS,
    LONG,
    NUMBERS,
    SCALARS,
    TORCHS,
    Outline,
    contained,
    outlined,
)

Reduced = tuple[Any, ...]
"""What ``object.__reduce__`` returns: a function, its arguments, a state ..."""
P = TypeVar("P", bound="Portable")

_HOLLOW = frozenset(vars(nn.Module())) - {"training", "_parameters", "_buffers", "_modules"}
"""The attributes of a module for its hooks, which a pickle leaves out."""
_OPS = (torch._ops.OpOverload, torch._ops.OpOverloadPacket, torch._ops.HigherOrderOperator)


class Portable:
    """A frozen result that can be pickled, and that is shared instead of copied deeply."""

    def __getstate__(self) -> dict[str, Any]:
        return dict(vars(self))

    def __reduce_ex__(self, protocol: SupportsIndex) -> Reduced:
        made = io.BytesIO()
        # older protocols cannot say what is needed, but can hold bytes
        _Pickler(made, max(2, protocol.__index__())).dump(self)
        return loaded, (made.getvalue(),)

    def __copy__(self: P) -> P:
        made = object.__new__(type(self))
        vars(made).update(vars(self))
        return made

    def __deepcopy__(self: P, memo: dict[int, Any]) -> P:
        return self


def loaded(data: bytes) -> object:
    """The object that a ``Portable`` was."""
    return pickle.loads(data)


class _Pickler(pickle.Pickler):
    """Pickles a ``Portable`` with everything in it."""

    def __init__(self, file: io.BytesIO, protocol: int) -> None:
        super().__init__(file, protocol)
        self._rules: dict[type, Callable[[Any], Any]] = {}
        """By type, for the types met."""

    def reducer_override(self, obj: Any) -> Any:
        """How an object is pickled. ``NotImplemented``: as pickle itself does it."""
        kind = type(obj)
        rule = self._rules.get(kind)
        if rule is None:
            rule = self._rules[kind] = _rule(kind)
        return rule(obj)


def _rule(kind: type) -> Callable[[Any], Any]:
    """The rule for the objects of one type."""
    for base, rule in _RULES:
        if issubclass(kind, base):
            return rule
    if kind in SCALARS or kind in TORCHS or kind in _AS_IT_IS or _is_hookcounts(kind):
        return _as_pickle_does
    for base, rule in _CONTAINERS:
        if issubclass(kind, base):
            return rule
    return _outline


_AS_IT_IS = frozenset(
    (torch.Size, OrderedDict, types.SimpleNamespace, slice, range, type(NotImplemented))
)


def _is_hookcounts(kind: type) -> bool:
    package = __name__.partition(".")[0]
    return any(str(base.__module__).partition(".")[0] == package for base in kind.__mro__)


def _as_pickle_does(obj: object) -> Any:
    return NotImplemented


def _portable(obj: Portable) -> Reduced:
    return copyreg.__newobj__, (type(obj),), obj.__getstate__()  # type: ignore[attr-defined]


def _class(obj: type) -> Any:
    if classes.whole(obj):
        return NotImplemented
    found = classes.facts(obj)
    defaults = contained(found.forward, outlined)
    # the name of a class may mean another one, as after a cell of a notebook ran again
    is_there = classes.at(found.module, found.name) is obj
    make = classes.class_of if is_there else classes.substitute_of
    return make, tuple(found._replace(forward=defaults))  # type: ignore[arg-type]


def _function(obj: Callable[..., object]) -> Any:
    if classes.whole(obj):
        return NotImplemented
    place = classes.place_of(obj)
    return (Outline, ("function",)) if place is None else (classes.function_of, place)


def _op(obj: object) -> Reduced:
    return opnames.op_of, opnames.described(obj) or ()


def _python_module(obj: types.ModuleType) -> Reduced:
    # older protocols reach a nested name through its module
    return importlib.import_module, (obj.__name__,)


def _tensor(obj: torch.Tensor) -> Reduced:
    try:
        shape = tuple(map(int, obj.shape))
    except RuntimeError:  # a nested tensor has no plain shape
        shape = (obj.numel(),)
    return meta, (shape, obj.dtype, isinstance(obj, nn.Parameter))


def meta(shape: tuple[int, ...], dtype: torch.dtype, is_parameter: bool) -> torch.Tensor:
    """A meta tensor, or a parameter on meta."""
    made = torch.empty(shape, dtype=dtype, device="meta")
    return nn.Parameter(made, requires_grad=False) if is_parameter else made


def _module(obj: nn.Module) -> Reduced:
    state = {
        name: contained(value, _attribute)
        for name, value in vars(obj).items()
        if name not in _HOLLOW
    }
    state.update(_computed(obj))
    return hollow, (type(obj),), state, None, None, fill


def _attribute(value: object) -> object:
    return value if issubclass(type(value), (nn.Module, *_OPS)) else outlined(value)


def _computed(module: nn.Module) -> dict[str, object]:
    """The parametrized tensors of a module: their properties are in a class made on the spot."""
    found: dict[str, object] = {}
    parametrized: Any = module._modules.get("parametrizations")
    with suppress(Exception), torch.no_grad():  # a parametrization is the user's code
        for name in parametrized or ():
            found[name] = getattr(module, name)
    return found


def hollow(cls: type) -> object:
    """A module without attributes."""
    return object.__new__(cls)


def fill(module: nn.Module, state: dict[str, object]) -> None:
    """Give a hollow module its attributes. It gets those of torch that the pickle leaves out."""
    vars(module).update(vars(nn.Module()))
    vars(module).update(state)


def _scripted(obj: torch.jit.ScriptModule) -> Reduced:
    names = [
        (base.__module__, base.__qualname__)
        for base in type(obj).__mro__
        if issubclass(base, torch.jit.ScriptModule)
    ]
    state = {
        "training": obj.training,
        "_parameters": dict(obj.named_parameters(recurse=False)),
        "_buffers": dict(obj.named_buffers(recurse=False)),
        "_modules": dict(obj.named_children()),
        "original_name": str(getattr(obj, "original_name", "")),
    }
    return scripted, (tuple(names),), state, None, None, fill


def scripted(names: tuple[tuple[str, str], ...]) -> object:
    """A hollow module in place of a ScriptModule, which no pickle can hold.

    ``names``: module and name of its class and of the bases, up to ``ScriptModule``.
    """
    cls: type = nn.Module
    for module, name in reversed(names):
        first = cls is nn.Module
        cls = classes.substitute(
            classes.ClassFacts(module, name, (cls,), None, first, False, (), {})
        )
    return hollow(cls)


def _number(obj: Any) -> Any:
    """A number or text of a class of its own, as the builtin one."""
    base: Any = next(each for each in NUMBERS if isinstance(obj, each))
    return base, (base.__add__(obj, base()),)


def _symbolic(obj: Any) -> Reduced:
    hint = getattr(obj.node, "hint", None)
    return (Outline, ("SymInt",)) if hint is None else (int, (int(hint),))


def _mapping(obj: Mapping[object, object]) -> Reduced:
    if len(obj) > LONG:
        return Outline, (type(obj).__name__,)
    items = [(key, contained(value, _attribute)) for key, value in obj.items()]
    return dict, (), None, None, iter(items)


def _tuple(obj: tuple[object, ...]) -> Reduced:
    kind = type(obj)
    return tuple_of, (kind if hasattr(kind, "_fields") else tuple, tuple(obj))


def tuple_of(kind: type, items: tuple[object, ...]) -> tuple[object, ...]:
    """A tuple of a class, or a plain one if the class takes other arguments."""
    try:
        return tuple.__new__(kind, items)
    except TypeError:
        return items


def _sequence(obj: Any) -> Reduced:
    if len(obj) > LONG:
        return Outline, (type(obj).__name__,)
    return list, (), None, iter([contained(item, _attribute) for item in obj])


def _outline(obj: object) -> Reduced:
    if type(obj).__module__ == "numpy" and getattr(obj, "shape", None) == ():
        item = obj.item()  # type: ignore[attr-defined]
        return type(item), (item,)
    return cast(Reduced, outlined(obj).__reduce_ex__(2))


_RULES: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (Portable, _portable),
    (type, _class),
    (types.ModuleType, _python_module),
    (torch.Tensor, _tensor),
    (torch.jit.ScriptModule, _scripted),
    (nn.Module, _module),
    (FUNCTIONS, _function),
    (_OPS, _op),
    (torch.SymInt, _symbolic),
)
_CONTAINERS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (NUMBERS, _number),
    (Mapping, _mapping),
    (tuple, _tuple),
    ((list, set, frozenset), _sequence),
)

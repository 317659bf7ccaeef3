"""Classes and functions by name, for pickles. A class that cannot be imported gets a substitute.

A substitute has the names, the bases and the signature of ``forward`` of the class. So formulas by
type, ``isinstance`` with classes of torch, and reports work as before.
"""

from __future__ import annotations

import importlib
import inspect
import types
from collections import namedtuple
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import torch
from torch import nn

from .errors import ModelError, error_text
from .outline import SCALARS, Outline

_WHOLE = frozenset(("torch", "builtins", "collections", "copyreg", "importlib", "hookcount"))
"""Packages whose classes a pickle refers to by name alone."""
Parameter = tuple[str, int, tuple[object, ...]]
"""Name, kind and default of a parameter. Without a default the tuple is empty."""


class ClassFacts(NamedTuple):
    """What a substitute for a class needs."""

    module: str
    name: str
    """The qualified name."""
    bases: tuple[type, ...]
    forward: tuple[Parameter, ...] | None
    """The parameters of a ``forward`` that the class itself defines, if they can be read."""
    defines_forward: bool
    static: bool
    """Whether that ``forward`` is called without the module."""
    fields: tuple[str, ...]
    """The names of a named tuple's items. Empty for any other class."""
    values: dict[str, object]
    """The plain values among the attributes of the class."""


def at(module: str, name: str) -> object:
    """The object of a qualified name. Imports ``module``; None if there is no such object."""
    try:
        found: object = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception:  # a module may raise anything when it is imported
        return None
    return found


def whole(named: type | Callable[..., object]) -> bool:
    """Whether every process that has hookcount knows a class or function by its name."""
    module = getattr(named, "__module__", None) or ""
    return module.partition(".")[0] in _WHOLE and at(module, named.__qualname__) is named


def facts(cls: type) -> ClassFacts:
    """The facts from which ``class_of`` makes a substitute."""
    own = vars(cls)
    written = own.get("forward")
    is_method = hasattr(written, "__get__") and not isinstance(written, (staticmethod, classmethod))
    fields = getattr(cls, "_fields", ()) if issubclass(cls, tuple) else ()
    return ClassFacts(
        cls.__module__,
        cls.__qualname__,
        tuple(base for base in cls.__bases__ if base is not object and not fields),
        _parameters(cls) if "forward" in own else None,
        "forward" in own,
        "forward" in own and not is_method,
        tuple(fields),
        {
            key: value
            for key, value in own.items()
            if type(value) in SCALARS and not key.startswith("__")
        },
    )


def _parameters(cls: type) -> tuple[Parameter, ...] | None:
    try:
        signature = inspect.signature(getattr(cls, "forward"))  # noqa: B009 (mypy: any class)
    except (TypeError, ValueError):
        return None
    return tuple(
        (each.name, int(each.kind), () if each.default is each.empty else (each.default,))
        for each in signature.parameters.values()
    )


def class_of(*given: Any) -> type:
    """The class of a name, or a substitute made from ``ClassFacts`` if it cannot be imported."""
    wanted = ClassFacts(*given)
    found = at(wanted.module, wanted.name) if "<" not in wanted.name else None
    if not isinstance(found, type) or issubclass(found, torch.jit.ScriptModule):
        return substitute(wanted)
    same_sort = _is_module(found) == any(map(_is_module, wanted.bases))
    return found if same_sort else substitute(wanted)


def substitute_of(*given: Any) -> type:
    """A substitute made from ``ClassFacts``."""
    return substitute(ClassFacts(*given))


def _is_module(cls: type) -> bool:
    return issubclass(cls, nn.Module)


def substitute(wanted: ClassFacts) -> type:
    """A class with the given facts."""
    short = wanted.name.rpartition(".")[2]
    if wanted.fields:
        items: Any = namedtuple(short, wanted.fields, rename=True)  # type: ignore[misc]
        items.__module__, items.__qualname__ = wanted.module, wanted.name
        return cast(type, items)
    members = {
        **wanted.values,
        "__module__": wanted.module,
        "__qualname__": wanted.name,
        "__doc__": "The substitute for a class that could not be imported.",
    }
    if wanted.defines_forward:
        members["forward"] = _forward(wanted)
    modules = tuple(filter(_is_module, wanted.bases))
    for bases in (wanted.bases, modules, (nn.Module,)):
        try:
            made: type = types.new_class(
                short, bases, exec_body=lambda space: space.update(members)
            )
        except Exception:  # a base may refuse to be subclassed, in any way
            continue
        if inspect.isabstract(made):
            abstract: Any = made
            abstract.__abstractmethods__ = frozenset()
        return made
    return nn.Module


def _forward(wanted: ClassFacts) -> object:
    """A ``forward`` that has the signature of the original and cannot run."""

    def forward(*args: object, **kwargs: object) -> object:
        what = "the class of this module could not be imported, so it has no forward"
        fix = "define the class at the top of a module that this process can import"
        raise ModelError(error_text(wanted.name, what, fix))

    if wanted.forward is not None:
        forward.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                inspect.Parameter(
                    name,
                    inspect._ParameterKind(kind),
                    default=default[0] if default else inspect.Parameter.empty,
                )
                for name, kind, default in wanted.forward
            ]
        )
    return staticmethod(forward) if wanted.static else forward


def place_of(function: Callable[..., object]) -> tuple[str, str] | None:
    """Module and name of a function that can be imported; None for any other."""
    name = getattr(function, "__qualname__", "")
    for module in (getattr(function, "__module__", None) or "torch", "torch._C._nn"):
        for each in (name, name.rpartition(".")[2]):
            if each and "<" not in each and at(module, each) is function:
                return module, each
    return None


def function_of(module: str, name: str) -> object:
    """The function of a name. An ``Outline`` if there is none in this process."""
    found = at(module, name)
    return Outline(name) if found is None else found

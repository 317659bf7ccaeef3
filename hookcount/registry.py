"""``Registry``: target -> formula, free, or observed. What it does not know is unknown, never zero."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase, translate
from typing import Any, Literal, TypeVar, get_args, overload

import torch
from torch import nn

from .errors import RegistrationError
from .ops import Ops

Formula = Callable[..., Ops]
Fake = Callable[..., Any]
Covers = Literal["own", "subtree", "nothing"]
Matches = Literal["forward", "mro", "type"]
Sees = Literal["all", "modules", "listed"]
F = TypeVar("F", bound=Formula)
Target = Any  # an nn.Module class, an op of torch.ops, or the name of either


class _State:
    """A registered answer that is not a formula."""

    def __init__(self, name: str, doc: str) -> None:
        self.name = name
        self.__doc__ = doc

    def __repr__(self) -> str:
        return f"hookcount.{self.name}"

    def __reduce__(self) -> str:
        return self.name


FREE = _State("FREE", "This target does no arithmetic (a view, a copy, a gather): it counts nothing and never warns.")
OBSERVED = _State("OBSERVED", "This module has no formula of its own: each op that its forward runs is priced by itself.")


@dataclass(frozen=True, eq=False)
class Entry:
    """One registration: what was said of a target, how far it reaches, and where it was said."""

    target: str
    price: Formula | _State
    covers: Covers
    source: str
    layer: str


def _where(price: Formula | _State) -> str:
    code = getattr(price, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(price)


def target_name(target: Target) -> str:
    """The name under which a target is kept: ``package.module.Class`` or ``namespace::op[.overload]``."""
    if isinstance(target, str):
        if "::" not in target and "." not in target:
            raise RegistrationError(
                f"{target!r} names no target. To fix it: write a module class as 'package.module.Class' "
                "and an op as 'namespace::op'."
            )
        return target
    if isinstance(target, type) and issubclass(target, nn.Module):
        return f"{target.__module__}.{target.__qualname__}"
    if isinstance(target, torch._ops.OpOverloadPacket):
        return str(target._qualified_op_name)
    if isinstance(target, torch._ops.OpOverload):
        return f"{target._schema.name}.{target._overloadname}"
    if isinstance(target, torch._ops.HigherOrderOperator):
        return f"higher_order::{target.__name__}"
    kind = "an instance" if isinstance(target, nn.Module) else repr(target)
    raise RegistrationError(
        f"cannot register {kind} of {type(target).__name__}. To fix it: give an nn.Module class, an op such as "
        "torch.ops.aten.bmm, or the name of either as a string."
    )


class Registry:
    """Formulas by target, in one layer, over an optional ``base`` that answers for what this layer does not know.

    A target is an ``nn.Module`` class, an op (``torch.ops.aten.bmm``), or the name of either as a string
    (``"package.module.Class"``, ``"namespace::op"``), so that a third-party target needs no import.

    >>> mine = Registry(name="mine")
    >>> @mine.register("mylib::scale")
    ... def scale(x, factor, *, out):
    ...     return Ops(muls=out.numel())
    >>> "mylib::scale" in mine
    True
    """

    def __init__(self, base: Registry | None = None, *, name: str = "registry") -> None:
        self.base = base
        self.name = name
        self._entries: dict[str, Entry] = {}
        self._classes: dict[str, type] = {}
        self._named: dict[int, dict[type, str]] = {}
        self._fakes: dict[str, Fake] = {}
        self._patterns: re.Pattern[str] | None = None

    @overload
    def register(self, target: Target, price: Formula | _State, *, covers: Covers = "own") -> None: ...
    @overload
    def register(self, target: Target, *, covers: Covers = "own") -> Callable[[F], F]: ...
    def register(self, target: Target, price: Any = None, *, covers: Covers = "own") -> Any:
        """Register a formula, ``FREE`` or ``OBSERVED`` for ``target``; without ``price``, a decorator.

        A module's formula is called as ``formula(module, *args, out=..., **kwargs)`` with the arguments of ``forward``, an
        op's as ``formula(*args, out=..., **kwargs)``; every tensor is replaced by its ``torch.Size``. It returns ``Ops``.
        ``covers="own"`` (default) pays for what the target's own forward does; ``"subtree"`` also for all that it calls;
        ``"nothing"``: the ops of the forward are priced too, and this comes on top, for what no op shows.

        Raises ``RegistrationError`` for a target that this layer has already (use ``replace``) or that is no target.
        """
        if price is None:
            return lambda formula: self._put(target, formula, covers, replace=False)
        self._put(target, price, covers, replace=False)
        return None

    def replace(self, target: Target, price: Any = None, *, covers: Covers = "own") -> Any:
        """As ``register``, for a target that this layer has already."""
        if price is None:
            return lambda formula: self._put(target, formula, covers, replace=True)
        self._put(target, price, covers, replace=True)
        return None

    def unregister(self, target: Target) -> None:
        """Take what this layer says of ``target`` away, its fake too; the layers below answer again."""
        name = target_name(target)
        if name not in self._entries and name not in self._fakes:
            raise RegistrationError(f"{name} is not registered in {self.name}: there is nothing to take away.")
        self._entries.pop(name, None)
        self._classes.pop(name, None)
        self._fakes.pop(name, None)
        self._named.clear()
        self._patterns = None

    def register_fake(self, target: Target, fake: Any = None) -> Any:
        """Register what a shapes-only run runs of a module whose forward needs values; without ``fake``, a decorator.

        ``target`` is a module class, or its name, in which ``*`` stands for anything. The fake is called as
        ``fake(module, *args, **kwargs)`` with the arguments of ``forward``, as tensors without values. It runs what the forward
        would, as far as shapes go, and gives tensors of its output's shapes; it may call ``module.forward``. Its ops and the
        modules that it calls are counted as if the forward had run them. It is asked only where the forward cannot go on.

        Raises ``RegistrationError`` for a target that this layer has a fake for already, or that is no module.
        """
        if fake is None:
            return lambda given: self.register_fake(target, given) or given
        name = target_name(target)
        if "::" in name:
            raise RegistrationError(f"{name} is an op. To fix it: register its fake with torch.library.register_fake.")
        if name in self._fakes:
            raise RegistrationError(
                f"{name} has a fake in {self.name} already, at {_where(self._fakes[name])}. To fix it: unregister() it first."
            )
        self._fakes[name] = fake
        self._patterns = None
        return None

    def fake(self, cls: type) -> Fake | None:
        """What stands for the forward of a class, in this layer or below: for the nearest class whose forward it runs."""
        for layer in self.layers():
            for base in cls.__mro__ if layer._fakes else ():
                if getattr(cls, "forward", None) is getattr(base, "forward", None):
                    found = layer._own_fake(f"{base.__module__}.{base.__qualname__}")
                    if found is not None:
                        return found
        return None

    def _own_fake(self, name: str) -> Fake | None:
        if name in self._fakes:
            return self._fakes[name]
        if self._patterns is None:  # all in one, since most classes have none
            self._patterns = re.compile("|".join(map(translate, self._fakes)))
        if not self._patterns.match(name):
            return None
        return next(fake for known, fake in self._fakes.items() if fnmatchcase(name, known))

    def _put(self, target: Target, price: Any, covers: Covers, *, replace: bool) -> Any:
        name = target_name(target)
        if covers not in get_args(Covers):
            raise RegistrationError(f"{name}: covers={covers!r} is not 'own', 'subtree' or 'nothing'.")
        if not isinstance(price, _State) and not callable(price):
            raise RegistrationError(
                f"{name}: {price!r} is no formula. To fix it: register a function of shapes that returns "
                "hookcount.Ops, or hookcount.FREE."
            )
        old = self._entries.get(name)
        if old is not None and not replace:
            raise RegistrationError(
                f"{name} is registered in {self.name} already, at {old.source}; now again at {_where(price)}. "
                "To fix it: use replace() to put the new one in its place."
            )
        if old is None and replace:
            raise RegistrationError(f"{name} is not registered in {self.name}. To fix it: use register().")
        self._entries[name] = Entry(name, price, covers, _where(price), self.name)
        if isinstance(target, type):
            self._classes[name] = target
        self._named.clear()
        return price

    def __contains__(self, target: Target) -> bool:
        return target_name(target) in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        over = f" over {self.base.name}" if self.base is not None else ""
        return f"<Registry {self.name}: {len(self)} targets{over}>"

    def layers(self) -> Iterator[Registry]:
        """This layer and those below it, the answering order."""
        layer: Registry | None = self
        while layer is not None:
            yield layer
            layer = layer.base

    def over(self, base: Registry) -> Registry:
        """A registry that answers as this one does, and below its lowest layer as ``base``; this one stays as it is."""
        lower = base if self.base is None else self.base.over(base)
        made = Registry(lower, name=self.name)
        made._entries, made._classes, made._named = self._entries, self._classes, self._named
        made._fakes = self._fakes
        return made

    def _imported(self) -> dict[type, str]:
        """Classes that this layer names by the path under which users know them, such as ``torchvision.ops.RoIAlign``."""
        known = self._named.get(len(sys.modules))
        if known is None:
            self._named.clear()
            found = {self._classes.get(name) or _imported(name): name for name in self._entries if "::" not in name}
            known = self._named[len(sys.modules)] = {cls: name for cls, name in found.items() if cls is not None}
        return known

    def get(self, name: str) -> Entry | None:
        """The entry of this very layer under ``name``."""
        return self._entries.get(name)


class Resolver:
    """Answers for the classes and ops of one trace. Names are resolved once, against what is imported by then.

    ``matches``: which modules a class's formula is for: those that run its ``forward``, all its subclasses (``"mro"``), or those
    of that very class (``"type"``). ``sees``: ``"all"``; or of ops none (``"modules"``), or none but the listed ones: what is not
    seen costs nothing and is no doubt. ``functions``: of ops those alone that one of these functions ran; None for all.
    ``unseen``: of ops none that one of these ran.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        matches: Matches = "forward",
        sees: Sees = "all",
        functions: frozenset[str] | None = None,
        unseen: frozenset[str] = frozenset(),
    ) -> None:
        self.matches = matches
        self.sees = sees
        self.functions = functions
        self.unseen = unseen
        self._layers = [(layer, layer._imported()) for layer in registry.layers()]
        self._modules: dict[type, Entry | None] = {}
        self._ops: dict[Any, tuple[Entry | None, str]] = {}

    def module(self, module: nn.Module) -> Entry | None:
        """The entry for a module: the nearest class in its MRO that is registered and whose ``forward`` it runs.

        A subclass with a ``forward`` of its own, or an instance with one, does not inherit a formula, unless ``matches`` says so.
        """
        if self.matches == "forward" and "forward" in vars(module):
            return None
        cls = type(module)
        if cls not in self._modules:
            self._modules[cls] = self._find_module(cls)
        return self._modules[cls]

    def _find_module(self, cls: type) -> Entry | None:
        for layer, imported in self._layers:
            for base in (cls,) if self.matches == "type" else cls.__mro__:
                entry = layer.get(f"{base.__module__}.{base.__qualname__}") or layer.get(imported.get(base, ""))
                if entry is not None and (self.matches == "mro" or _same_forward(cls, base)):
                    return entry
        return None

    def op(self, op: Any, called: str = "") -> tuple[Entry | None, str]:
        """The entry for an op and its name: its overload's, then its name's, then its functional form's; or a view's.

        ``called``: the function that ran it, see ``OpRun``.
        """
        known = self._ops.get(op)
        if known is None:
            full = target_name(op)
            name = full.partition(".")[0]
            known = self._ops[op] = self._find_op(op, full, name), name
        if called in self.unseen or (self.functions is not None and called not in self.functions):
            return _NOT_SEEN, known[1]
        return known

    def _find_op(self, op: Any, full: str, name: str) -> Entry | None:
        if self.sees == "modules":
            return _NOT_SEEN
        names = [full, name]
        if name.endswith("_") and not name.endswith("__"):
            names.append(name[:-1])
        for layer, _ in self._layers:
            for key in names:
                entry = layer.get(key)
                if entry is not None:
                    return entry
        if getattr(op, "is_view", False):
            return _VIEW
        return None if self.sees == "all" else _NOT_SEEN


def _same_forward(cls: type, base: type) -> bool:
    return getattr(cls, "forward", None) is getattr(base, "forward", None)


_NOT_SEEN = Entry("an op", FREE, "own", "the convention does not see it", "convention")
_VIEW = Entry("a view", FREE, "own", "its schema says that it is a view", "schema")


def _imported(name: str) -> type | None:
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        found: Any = sys.modules.get(".".join(parts[:cut]))
        if found is not None:
            for part in parts[cut:]:
                found = getattr(found, part, None)
            return found if isinstance(found, type) else None
    return None

"""``Resolver``: which entry answers for a module or an op of one trace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from torch import nn

from ..core.trace import Call
from .entry import FREE, Entry, Kind
from .functions import function_called
from .registry import Op, Registry, target_name
from .targets import same_forward

Matches = Literal["forward", "mro", "type"]
Sees = Literal["all", "modules", "listed"]

_NOT_SEEN = Entry("an op", FREE, "own", "the convention does not see it", "convention")
_VIEW = Entry("a view", FREE, "own", "its schema says that it is a view", "schema")


class Resolver:
    """Finds the entries for the modules and ops of one trace.

    Each name is resolved once, against the modules that are imported by then.

    ``matches`` says which modules get the formula of a class: those that run its ``forward``
    (``"forward"``), all its subclasses (``"mro"``), or only that class (``"type"``).

    ``sees`` says which ops count: ``"all"``, none (``"modules"``), or only the ``"listed"`` ones.
    An op that is not seen costs nothing.

    ``unseen``: ignore ops called through these torch functions.
    ``within`` and ``replaced``: what counts inside of which function of torch, and ``per_sample``:
    see ``Convention``.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        matches: Matches = "forward",
        sees: Sees = "all",
        unseen: frozenset[str] = frozenset(),
        within: Mapping[str, Mapping[str, str]] | None = None,
        replaced: Mapping[str, Mapping[str, str]] | None = None,
        per_sample: bool = False,
    ) -> None:
        self.matches = matches
        self.sees = sees
        self.unseen = unseen
        self.within = within
        self.replaced = replaced
        self.per_sample = per_sample
        self._layers = [layer.table for layer in registry.layers()]
        self._modules: dict[type, Entry | None] = {}
        self._ops: dict[Op, tuple[Entry | None, str]] = {}
        self._kinds: dict[object, Kind | None] = {}

    def module(self, module: nn.Module) -> Entry | None:
        """The entry for a module: that of the nearest class in its MRO whose ``forward`` it runs.

        A subclass with a ``forward`` of its own does not inherit a formula, nor does an instance
        with one, unless ``matches`` says so.
        """
        if self.matches == "forward" and "forward" in vars(module):
            return None
        if self.matches == "type" and "parametrizations" in module._modules:
            return None  # torch gave the module a class of its own; the stand-in has the one before
        cls = type(module)
        if cls not in self._modules:
            self._modules[cls] = next(
                (each for each in self._of_class(cls) if each.price is not None), None
            )
        return self._modules[cls]

    def kind_of_module(self, module: nn.Module) -> Kind | None:
        """The kind of a module's class: the first that a layer gives."""
        if self.matches == "forward" and "forward" in vars(module):
            return None
        cls = type(module)
        if cls not in self._kinds:
            self._kinds[cls] = next(
                (each.kind for each in self._of_class(cls) if each.kind is not None), None
            )
        return self._kinds[cls]

    def _of_class(self, cls: type) -> Iterator[Entry]:
        for table in self._layers:
            for base in (cls,) if self.matches == "type" else cls.__mro__:
                entry = table.of_class(base)
                if entry is not None and (self.matches == "mro" or same_forward(cls, base)):
                    yield entry

    def op(self, op: Op, called: str = "", is_part: bool = False) -> tuple[Entry | None, str]:
        """The entry for an op, and the op's name.

        Looked up in this order: its overload, its name, its functional form. A view without an
        entry is free. ``called``: the function that ran the op, see ``OpRun``. ``is_part``: a call
        of a whole function pays for the op, if the convention reads such calls.
        """
        known = self._ops.get(op)
        if known is None:
            full = target_name(op)
            name = full.partition(".")[0]
            known = self._ops[op] = self._find_op(op, full, name), name
        if called in self.unseen:
            return _NOT_SEEN, known[1]
        if self.replaced is not None:
            return self._priced_as(self.replaced.get(called, {}).get(known[1])), known[1]
        if self.within is None:
            return known
        if is_part:
            return _NOT_SEEN, known[1]
        return self._within(self.within, *known, called)

    def _within(
        self,
        within: Mapping[str, Mapping[str, str]],
        entry: Entry | None,
        name: str,
        called: str,
    ) -> tuple[Entry | None, str]:
        """The entry for an op that has ``entry`` by itself, and that the code ran by ``called``."""
        function = function_called(called)
        if not function or f"aten::{function}" == name:
            return entry, name
        inside = within.get(function)
        if inside is None or name not in inside:
            return _NOT_SEEN, name
        return self._priced_as(inside[name]), name

    def _priced_as(self, target: str | None) -> Entry:
        """The entry for an op that the formula of another target prices."""
        if target is None:
            return _NOT_SEEN
        found = (each for each in self._of_op(target, target) if each.price is not None)
        return next(found, _NOT_SEEN)

    def all_of(self, call: Call) -> Iterator[Entry]:
        """Each entry that may answer for a call, in the order in which they are looked up."""
        if call.module is not None:
            return self._of_class(type(call.module))
        full = target_name(call.target)
        return self._of_op(full, full.partition(".")[0])

    def kind_of_op(self, op: Op | str) -> Kind | None:
        """The kind of an op, also by its name: the first that a layer gives."""
        if op not in self._kinds:
            full = target_name(op)
            entries = self._of_op(full, full.partition(".")[0])
            self._kinds[op] = next((each.kind for each in entries if each.kind is not None), None)
        return self._kinds[op]

    def _find_op(self, op: Op, full: str, name: str) -> Entry | None:
        if self.sees == "modules":
            return _NOT_SEEN
        entry = next((each for each in self._of_op(full, name) if each.price is not None), None)
        if entry is not None:
            return entry
        if getattr(op, "is_view", False):
            return _VIEW
        return None if self.sees == "all" else _NOT_SEEN

    def _of_op(self, full: str, name: str) -> Iterator[Entry]:
        names = [full, name]
        if name.endswith("_") and not name.endswith("__"):
            names.append(name[:-1])
        for table in self._layers:
            for key in names:
                entry = table.names.get(key)
                if entry is not None:
                    yield entry

"""``Table``: the entries of one layer of a registry. One entry holds all aspects of a target."""

from __future__ import annotations

import importlib
import pickle
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase, translate
from functools import cached_property
from typing import Any, Literal, SupportsIndex, cast
from weakref import WeakValueDictionary

from ..core.errors import PickleError, error_text
from ..core.lifetimes import ByIdentity
from ..core.ops import Ops
from .binding import Binder

Formula = Callable[..., Ops]
Fake = Callable[..., Any]
Covers = Literal["own", "subtree", "nothing"]
Kind = Literal[
    "product",  # a contraction of two operands, either of which may be a weight
    "linear",  # a contraction with a weight
    "convolution",
    "attention",  # both products of an attention
    "multihead",  # an attention with its projections
    "recurrent",
    "norm",
    "softmax",
    "activation",
    "embedding",
    "pooling",
    "sampling",  # bilinear samples at computed positions
    "resampling",
    "elementwise",
    "reduction",
    "sorting",
    "indexing",
    "loss",
    "distance",
    "linear algebra",
    "fourier",
    "scan",  # a state-space scan
    "graph",  # work on the edges of a graph
    "gradient",
]
"""The sort of work of a target. Roles are assigned by it."""


class State:
    """A registered answer that is not a formula."""

    def __init__(self, name: str, doc: str) -> None:
        self.name = name
        self.__doc__ = doc

    def __repr__(self) -> str:
        return f"hookcount.{self.name}"

    def __reduce__(self) -> str:
        return self.name


FREE = State(
    "FREE",
    "This target does no arithmetic (a view, a copy, a gather). It counts nothing and never warns.",
)
OBSERVED = State(
    "OBSERVED",
    "This module has no formula of its own. Each op that its forward runs is priced by itself.",
)


@dataclass(frozen=True, eq=False)
class Entry:
    """All that one layer says of a target, and where that is written.

    An aspect that is None is left to the layers below.
    """

    target: str
    price: Formula | State | None
    covers: Covers
    source: str
    layer: str
    kind: Kind | None = None
    fake: Fake | None = None

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if name != "binder"}

    @cached_property
    def binder(self) -> Binder:
        """Binds calls to the formula's parameters."""
        assert callable(self.price)
        return Binder(self.price)


def written_at(said: object) -> str:
    """``file:line`` of a function, or else its name."""
    code = getattr(said, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(said)


class Table:
    """Entries by the name of their target.

    All indexes over the entries are built in this class, so none of them can be out of date.
    """

    def __init__(self, layer: str, home: str = "", entries: Iterable[Entry] = ()) -> None:
        self.layer = layer
        self.home = home
        self.entries = {each.target: each for each in entries}
        self._classes: WeakValueDictionary[str, type] = WeakValueDictionary()
        self._changed()

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[object, ...]:
        if self.home:
            return _table_at, (self.home,)
        for entry in self.entries.values():
            _check(entry)
        return Table, (self.layer, "", tuple(self.entries.values()))

    def __deepcopy__(self, memo: dict[int, object]) -> Table:
        if self.home:
            return self
        made = memo[id(self)] = Table(self.layer, "", self.entries.values())
        made._classes.update(self._classes)
        return made

    def _changed(self) -> None:
        self._version = object()
        self._imported: tuple[object, ByIdentity[str]] | None = None
        self._patterns: tuple[dict[str, Fake], re.Pattern[str]] | None = None
        self._fakes = {
            name: entry.fake for name, entry in self.entries.items() if entry.fake is not None
        }

    def put_price(
        self, name: str, price: Formula | State, covers: Covers, kind: Kind | None, cls: type | None
    ) -> None:
        """Set the price of a target; its fake stays, and its kind if none is given."""
        old = self.entries.get(name)
        kind = kind if kind is not None or old is None else old.kind
        self._set(
            Entry(
                name,
                price,
                covers,
                written_at(price),
                self.layer,
                kind,
                None if old is None else old.fake,
            )
        )
        if cls is not None:
            self._classes[name] = cls

    def put_fake(self, name: str, fake: Fake) -> None:
        """Set the fake of a target; its price stays."""
        old = self.entries.get(name) or Entry(name, None, "own", written_at(fake), self.layer)
        self._set(replace(old, fake=fake))
        self._changed()

    def _set(self, entry: Entry) -> None:
        self.entries[entry.target] = entry
        self._version = object()

    def remove(self, name: str) -> None:
        """Forget a target."""
        del self.entries[name]
        self._classes.pop(name, None)
        self._changed()

    def imported(self) -> ByIdentity[str]:
        """The classes that this layer names by the path that users know.

        ``torchvision.ops.RoIAlign``, for example, is defined in another module.
        """
        state = len(sys.modules), self._version
        known = self._imported
        if known is None or known[0] != state:
            found: ByIdentity[str] = ByIdentity()
            for cls, name in self.named():
                found.put(cls, name)
            known = self._imported = state, found
        return known[1]

    def named(self) -> Iterator[tuple[type, str]]:
        """Each class of ``imported``, with its name; of two names of a class, the later first."""
        for name in reversed(list(self.entries)):
            cls = None if "::" in name else self._classes.get(name) or _imported(name)
            if cls is not None:
                yield cls, name

    @property
    def has_fakes(self) -> bool:
        """Whether any target has a fake."""
        return bool(self._fakes)

    def fake(self, name: str) -> Fake | None:
        """The fake for the class of that name, or for a pattern that it matches."""
        fakes, patterns = self._fakes, self._patterns
        if name in fakes:
            return fakes[name]
        if patterns is None or patterns[0] is not fakes:
            pattern = re.compile("|".join(map(translate, fakes)))  # one: most classes have no fake
            patterns = self._patterns = fakes, pattern
        if not patterns[1].match(name):
            return None
        return next(fake for known, fake in fakes.items() if fnmatchcase(name, known))


def _check(entry: Entry) -> None:
    """Raise ``PickleError`` if the formula or the fake of an entry cannot be pickled."""
    what, said = "formula", cast(object, entry.price)
    try:
        pickle.dumps(said)
        what, said = "fake", entry.fake
        pickle.dumps(said)
    except Exception as error:  # pickle raises errors of many types
        where = f"{entry.target}: its {what} in {entry.layer}, at {written_at(said)}"
        fix = "define it with `def` at the top of a module, or pickle the report instead"
        raise PickleError(error_text(where, f"it cannot be pickled: {error}", fix)) from error


def at_home(home: str) -> Any:
    """The object that exists once in a process under a name, as ``package.module:NAME``."""
    module, _, name = home.partition(":")
    return getattr(importlib.import_module(module), name)


def _table_at(home: str) -> Table:
    table: Table = at_home(home).table
    return table


def _imported(name: str) -> type | None:
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        found: Any = sys.modules.get(".".join(parts[:cut]))
        if found is not None:
            for part in parts[cut:]:
                found = getattr(found, part, None)
            return found if isinstance(found, type) else None
    return None

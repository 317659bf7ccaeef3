"""``Table``: the entries of one layer of a registry. One entry holds all aspects of a target.

What is registered as a class is found by identity. What is registered as a string is found by name.
"""

from __future__ import annotations

import importlib
import pickle
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any, SupportsIndex, cast

from ..core.errors import PickleError, error_text
from ..core.lifetimes import ByIdentity, lasts
from .entry import Covers, Entry, Fake, Formula, Kind, State, written_at
from .targets import Target, class_name, target_name

Key = type | str
"""Under what an entry is found: a class, or a name."""
Pair = tuple[Key, Entry]
_WILD = re.compile(r"[*?\[\]]")
"""The characters that mean something in a pattern of names."""


class Table:
    """Entries by their target. The entry of a class ends with the class.

    All indexes over the entries are built in this class, so none of them can be out of date.
    """

    def __init__(self, layer: str, home: str = "", pairs: Iterable[Pair] = ()) -> None:
        self.layer = layer
        self.home = home
        self.names: dict[str, Entry] = {}
        self.classes: ByIdentity[Entry] = ByIdentity()
        self._copy: Table | None = None
        for key, entry in pairs:
            self._store(key, entry)
        self._changed()

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[object, ...]:
        if self.home:
            return _table_at, (self.home,)
        for entry in self:
            _check(entry)
        # another process does not have a class that no module holds
        pairs = [
            (class_name(key) if isinstance(key, type) and not lasts(key) else key, entry)
            for key, entry in self.pairs()
        ]
        return Table, (self.layer, "", tuple(pairs))

    def __deepcopy__(self, memo: dict[int, object]) -> Table:
        if self.home:
            return self
        made = memo[id(self)] = Table(self.layer, "", self.pairs())
        return made

    def as_it_is(self) -> Table:
        """A copy that later registrations do not change. Without any, it is the same copy."""
        made = self._copy
        if made is None:
            made = self._copy = Table(self.layer, "", self.pairs())
            made._copy = made
        return made

    def pairs(self) -> Iterator[Pair]:
        """Each entry, with the class or the name under which it is found."""
        yield from list(self.names.items())
        yield from self.classes.items()  # type: ignore[misc]  # all owners are classes

    def __iter__(self) -> Iterator[Entry]:
        return (entry for _, entry in self.pairs())

    def __len__(self) -> int:
        return len(self.names) + len(self.classes)

    def _changed(self) -> None:
        self._copy = None
        self._imported: tuple[object, ByIdentity[str]] | None = None
        fakes = {name: entry.fake for name, entry in self.names.items() if entry.fake is not None}
        pieces = [_WILD.split(name) for name in fakes]
        self._begin, self._end = (tuple({each[side] for each in pieces}) for side in (0, -1))
        self._fakes = fakes
        self.has_fakes = any(entry.fake is not None for entry in self)
        """Whether any target has a fake."""

    def key(self, target: Target) -> Key:
        """Under what the entry of a target is found, or would be.

        A class and the name by which it can be imported are one target.
        """
        name = target_name(target)
        if isinstance(target, type):
            by_name = self.classes.get(target) is None and name in self.names
            return name if by_name and _imported(name) is target else target
        if name in self.names or "::" in name:
            return name
        cls = _imported(name)
        known = cls is not None and class_name(cls) == name and self.classes.get(cls) is not None
        return cast(Key, cls) if known else name

    def get(self, target: Target) -> Entry | None:
        """The entry of a target; None if there is none."""
        key = self.key(target)
        return self.classes.get(key) if isinstance(key, type) else self.names.get(key)

    def named_so(self, target: Target) -> Target:
        """The last class with that name if a target is a name without an entry; else the target."""
        if not isinstance(target, str) or self.get(target) is not None:
            return target
        latest: list[tuple[Any, Entry]] = list(self.classes.items())
        return next((cls for cls, entry in reversed(latest) if entry.target == target), target)

    def of_class(self, cls: type) -> Entry | None:
        """The entry for the class of a module, also by its name. No base class is searched."""
        if (entry := self.classes.get(cls)) is not None:
            return entry
        return self.names.get(class_name(cls)) or self.names.get(self.imported().get(cls) or "")

    def put_price(
        self, target: Target, price: Formula | State, covers: Covers, kind: Kind | None
    ) -> None:
        """Set the price of a target; its fake stays, and its kind if none is given."""
        old, name = self.get(target), target_name(target)
        kind = kind if kind is not None or old is None else old.kind
        fake = None if old is None else old.fake
        entry = Entry(name, price, covers, written_at(price), self.layer, kind, fake)
        self._store(self.key(target), entry)
        self._copy, self._imported = None, None

    def put_fake(self, target: Target, fake: Fake) -> None:
        """Set the fake of a target; its price stays."""
        old, name = self.get(target), target_name(target)
        old = old or Entry(name, None, "own", written_at(fake), self.layer)
        self._store(self.key(target), replace(old, fake=fake))
        self._changed()

    def put_repeats(self, target: Target, repeats: Formula) -> None:
        """Set which part of the price of a known target is work of the forward, done again."""
        old = self.get(target)
        assert old is not None
        self._store(self.key(target), replace(old, repeats=repeats))
        self._changed()

    def _store(self, key: Key, entry: Entry) -> None:
        if isinstance(key, type):
            self.classes.pop(key)
            self.classes.put(key, entry)
        else:
            self.names[key] = entry

    def remove(self, target: Target) -> None:
        """Forget a target."""
        key = self.key(target)
        if isinstance(key, type):
            self.classes.pop(key)
        else:
            del self.names[key]
        self._changed()

    def imported(self) -> ByIdentity[str]:
        """The classes that this layer names by the path that users know.

        ``torchvision.ops.RoIAlign``, for example, is defined in another module.
        """
        known = self._imported
        if known is None or known[0] != len(sys.modules):
            found: ByIdentity[str] = ByIdentity()
            for cls, name in self.named():
                found.put(cls, name)
            known = self._imported = len(sys.modules), found
        return known[1]

    def named(self) -> Iterator[tuple[type, str]]:
        """Each class of ``imported``, with its name; of two names of a class, the later first."""
        for name in reversed(list(self.names)):
            cls = None if "::" in name else _imported(name)
            if cls is not None:
                yield cls, name

    def fake(self, cls: type) -> Fake | None:
        """The fake for a class: its own, that of its name, or that of a pattern for its name."""
        entry = self.classes.get(cls)
        if entry is not None and entry.fake is not None:
            return entry.fake
        name, fakes = class_name(cls), self._fakes
        if name in fakes or not name.startswith(self._begin) or not name.endswith(self._end):
            return fakes.get(name)  # most classes have no fake, and patterns take long to compile
        return next((fake for known, fake in fakes.items() if fnmatchcase(name, known)), None)


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

"""Keeps the attributes of the modules of a model. There are many, so this is done in few steps."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import torch
from torch import nn

from ..layout import has_more
from ..module_tree import TORCHS_OWN, ModuleTree
from .objects import PLAIN, Objects
from .snapshots import Items, put_back

_CONTAINERS = frozenset((dict, OrderedDict, list, set, deque))
_TREE = frozenset(("_parameters", "_buffers", "_modules"))
"""Attributes whose values the module tree knows."""
GONE = object()
restoring = threading.RLock()
"""Held while attributes of modules are put back, and while another thread changes some."""


class Changes:
    """What other threads have changed at the modules meanwhile.

    ``made`` has each dict, with the name and the value there, or ``GONE``. ``moved`` are the ids of
    tensors that they moved.
    """

    def __init__(self) -> None:
        self.made: list[tuple[dict[str, Any], str, object]] = []
        self.moved: set[int] = set()


_Getter = Callable[[tuple[object, ...]], Sequence[Any]]
"""Picks some of a module's attribute values."""


class Modules:
    """The attributes of all modules of a tree. ``objects`` gets whatever else they hold."""

    def __init__(self, tree: ModuleTree, objects: Objects) -> None:
        self._getters: dict[tuple[object, ...], tuple[_Getter, _Getter, _Getter]] = {}
        self._empty: list[Any] = []
        self._items: list[Items] = []
        self._dicts: list[tuple[dict[str, Any], dict[str, Any]]] = []
        objects.know(tree.modules)
        self._kept = [(module, type(module), *self._read(module)) for module in tree.modules]
        self._scripted = [
            (module, module.training)
            for module in tree.modules
            if isinstance(module, torch.jit.ScriptModule)
            and hasattr(module, "training")  # a frozen one has none
        ]
        for module in tree.modules:
            self._visit(module, objects)
        for kind in tree.types:
            objects.class_data(kind)
        if any(map(has_more, tree.types)):
            for module in tree.modules:
                objects.slots(module)
                objects.contents(module)

    def _read(self, module: nn.Module) -> tuple[dict[str, Any], dict[str, Any]]:
        now = vars(module)
        return now, now.copy()

    def _visit(self, module: nn.Module, objects: Objects) -> None:
        state = vars(module)
        values = tuple(state.values())
        key = (tuple(state), tuple(map(type, values)))
        own, held, others = self._getters.get(key) or self._found(*key)
        for container in own(values):
            if container:
                self._dicts.append((container, container.copy()))
            else:
                self._empty.append(container)
        containers = held(values)
        if not any(containers):
            self._empty += containers
            containers = ()
        for container in containers:
            if container:
                self._items.append(Items(container))
                for item in container.values() if isinstance(container, dict) else container:
                    objects.reach(item)
            else:
                self._empty.append(container)
        for index, value in others(values):
            if type(value) is tuple and PLAIN.issuperset(map(type, value)):
                continue
            given = objects.reach(value)
            if given is not value:
                state[key[0][index]] = given

    def _found(
        self, names: tuple[str, ...], kinds: tuple[type, ...]
    ) -> tuple[_Getter, _Getter, _Getter]:
        """Three getters for a module with attributes of these names and types.

        The first picks the containers of the tree, the second torch's other containers, which hold
        hooks. The third picks the user's attributes, each with its position.
        """
        named = list(enumerate(zip(names, kinds, strict=True)))
        own = [index for index, (name, kind) in named if name in _TREE and kind in _CONTAINERS]
        held = [
            index
            for index, (name, kind) in named
            if name in TORCHS_OWN and name not in _TREE and kind in _CONTAINERS
        ]
        others = [
            index for index, (name, kind) in named if name not in TORCHS_OWN and kind not in PLAIN
        ]
        made = self._getters[names, kinds] = _getter(own), _getter(held), _numbered(others)
        return made

    def restore(self, changes: Changes) -> None:
        """Put back the attributes of every module, but for the changes of other threads."""
        with restoring:
            for change in changes.made:
                self._keep(*change)
            self._put_back()

    def _keep(self, held: dict[str, Any], name: str, value: object) -> None:
        """A change of another thread stays."""
        if any(held is each for each in self._empty):
            self._empty = [each for each in self._empty if each is not held]
            self._dicts.append((held, {}))
        pairs = (*((now, before) for _, _, now, before in self._kept), *self._dicts)
        for before in (before for now, before in pairs if now is held):
            if value is GONE:
                before.pop(name, None)
            else:
                before[name] = value

    def _put_back(self) -> None:
        for module, kind, now, before in self._kept:
            if type(module) is not kind:
                module.__class__ = kind
            put_back(now, before)
        for now, before in self._dicts:
            put_back(now, before)
        for items in self._items:
            items.restore()
        if any(self._empty):
            for container in self._empty:
                container.clear()
        for scripted, training in self._scripted:
            if scripted.training is not training:
                scripted.training = training


def _getter(indices: list[int]) -> _Getter:
    return (
        itemgetter(*indices)
        if len(indices) > 1
        else lambda values: [values[index] for index in indices]
    )


def _numbered(indices: list[int]) -> _Getter:
    return lambda values: [(index, values[index]) for index in indices]

"""Stand-ins of modules, for formulas to read.

A stand-in has the module's class and attributes, but its parameters are on meta. So a trace can
outlive the model and holds none of its memory.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from contextlib import suppress
from types import FrameType, FunctionType, TracebackType
from typing import Any

import torch
from torch import nn

from ..core.integers import as_int
from ..core.lifetimes import lasts
from .attribute_names import NO_HOOKS, attributes_of
from .layout import built_in_base, has_more, is_module, slots
from .meta_copies import key_on_meta, on_meta, on_meta_like
from .module_tree import TORCHS_OWN, unwrap
from .parametrized import Parametrized, class_before
from .shapes_run.memo import Memo
from .specs import Opaque, spec_of
from .values import Key

_SCALARS = frozenset(
    (int, float, bool, str, bytes, complex, type(None), torch.dtype, torch.device, torch.layout)
)
_SEQUENCES = (tuple, list, torch.Size)
_CONTAINERS = (*_SEQUENCES, dict, OrderedDict)
_TENSORS = (torch.Tensor, nn.Parameter)
_PLAIN_TENSORS = frozenset((*_TENSORS, type(None)))
_DEEP = 100
"""Levels of containers. What is deeper stays as it is."""
_LONG = 1_000
"""Items. A longer container is compared by identity and is not copied."""

Positions = tuple[object, tuple[int, ...]]
"""An object that only equal types share, and the positions of those that are not scalars."""
_not_scalar: dict[tuple[type, ...], Positions] = {}
"""By the types of a module's attributes, which live for ever: see ``StandIns._read_kinds``."""


class StandIns:
    """Gives modules their stand-ins.

    Modules with the same class, the same attributes and tensors of the same shapes share one.
    The memo outlives the count if a ``Counter`` is used again. It holds the stand-ins of modules
    whose attributes are plain values and whose classes last, down to the last child. Any other
    stand-in serves one count. There the attributes are compared by identity.
    """

    def __init__(self, memo: Memo) -> None:
        self._kept, self._named, self._lasts = memo.stand_ins, memo.named, memo.lasts
        self._own: dict[Key, nn.Module] = {}
        self._last: dict[int, tuple[nn.Module, nn.Module]] = {}
        """By the identity of a module: the module, and its last stand-in."""
        self._under_way: set[int] = set()
        self._held: list[object] = []
        """Attributes that are compared by identity. While they are held here, no new object can
        get their identity."""
        self._kinds: dict[tuple[type, ...], Positions] = {}
        """As ``_not_scalar``, with types that may end with this count."""
        self._hollow = nn.Module()
        self._passing: set[int] = {id(self._hollow)}
        """Ids of the stand-ins that serve only this count."""
        self.parametrized = Parametrized()

    def of(self, module: nn.Module) -> nn.Module:
        """The stand-in of ``module`` in its present state.

        It has the same class and attributes, with parameters and buffers on meta. A parametrized
        tensor is an attribute, and the class is that without its property. A ScriptModule is its
        own stand-in.
        """
        if isinstance(module, torch.jit.ScriptModule):
            self._passing.add(id(module))
            return module
        key, plain = self._key(module)
        known = self._kept if plain else self._own
        made = known.get(key)
        if made is None:
            made = known[key] = self._make(module)
            if not plain:
                self._passing.add(id(made))
        self._last[id(module)] = module, made
        return made

    def passing(self, stand_in: nn.Module) -> bool:
        """Whether a stand-in serves only this count."""
        return id(stand_in) in self._passing

    def _key(self, module: nn.Module) -> tuple[Key, bool]:
        """The key of a module's state, and whether it may outlive the count.

        It may if the state is made of plain values, and its classes last.
        """
        state, cls = module.__dict__, type(module)
        if has_more(cls):  # these are not compared, so each call gets a stand-in of its own
            return (object(),), False
        names = tuple(state)
        number, attributes = attributes_of(names)
        values = attributes(state)
        kinds = tuple(map(type, values))
        mark, indices = _not_scalar.get(kinds) or self._kinds.get(kinds) or self._read_kinds(kinds)
        special: tuple[object, ...] = ()
        if "parametrizations" in state["_modules"]:
            cls, special = class_before(module), tuple(self.parametrized.of(module).items())
        plain = id(cls) in self._named or self._lasts(cls)
        if indices:
            changed = list(values)
            for index in indices:
                value = values[index]
                types = tuple(map(type, value)) if kinds[index] is tuple else ()
                if types and _SCALARS.issuperset(types) and len(types) <= _LONG:
                    changed[index] = types, value
                    continue
                found = self._frozen(value)
                if found is None:
                    plain = False
                    self._held.append(value)
                changed[index] = id(value) if found is None else found
            values = tuple(changed)
        key: list[object] = [cls, number, mark, values, special]
        for held in (state["_parameters"], state["_buffers"]):
            if held:
                key.append(_tensors(held))
                for kind in set(map(type, held.values())).difference(_PLAIN_TENSORS):
                    plain = plain and self._lasts(kind)
        if state["_modules"]:
            children = [
                (name, None if each is None else self._child(each))
                for name, each in state["_modules"].items()
            ]
            plain = plain and not any(id(child) in self._passing for _, child in children)
            key.append(tuple([(name, id(child)) for name, child in children]))
        return tuple(key), plain

    def _read_kinds(self, kinds: tuple[type, ...]) -> Positions:
        """A mark of these types of values, and the positions of those that are not scalars."""
        found = tuple([index for index, kind in enumerate(kinds) if kind not in _SCALARS])
        known = _not_scalar if all(map(_for_ever, kinds)) else self._kinds
        if len(known) > 10_000:
            known.clear()
        return known.setdefault(kinds, (object(), found))

    def _frozen(
        self, value: Any, known: dict[int, tuple[object, ...] | None] | None = None, depth: int = 0
    ) -> tuple[object, ...] | None:
        """A hashable form of a tensor or of a container of plain values; None for anything else.

        ``known`` has the forms of the containers around it, which are None as yet. So a container
        that holds itself has none.
        """
        value = as_int(value)
        kind = type(value)
        if kind is int:
            return (kind, value)
        if kind in _TENSORS:
            return (kind, spec_of(value))
        if kind is type or (kind is FunctionType and value.__closure__ is None):
            return (kind, value) if self._lasts(value) else None
        if kind not in _CONTAINERS or len(value) > _LONG or depth > _DEEP:
            return None
        if kind in _SEQUENCES and _SCALARS.issuperset(map(type, value)):
            return (kind, tuple(map(type, value)), tuple(value))
        known = {} if known is None else known
        if id(value) in known:
            return known[id(value)]
        known[id(value)] = None
        found: tuple[object, ...] = (kind, self._all_frozen(value, known, depth))
        if kind not in _SEQUENCES:
            found += (self._all_frozen(value.values(), known, depth),)
        known[id(value)] = None if None in found else found
        return known[id(value)]

    def _all_frozen(
        self, items: Iterable[Any], known: dict[int, tuple[object, ...] | None], depth: int
    ) -> tuple[object, ...] | None:
        frozen = [
            (type(item), item) if type(item) in _SCALARS else self._frozen(item, known, depth + 1)
            for item in items
        ]
        return None if None in frozen else tuple(frozen)

    def _make(self, module: nn.Module) -> nn.Module:
        special = (
            dict(self.parametrized.of(module)) if "parametrizations" in module._modules else {}
        )
        made: nn.Module = _bare(class_before(module) if special else type(module))
        state: dict[str, Any] = {
            name: value if type(value) in _SCALARS or name in TORCHS_OWN else self._attribute(value)
            for name, value in vars(module).items()
        }
        for name in ("_parameters", "_buffers"):
            state[name] = {
                key: None if held is None else on_meta_like(held)
                for key, held in state[name].items()
            }
        state["_modules"] = {
            name: None if child is None else self._child(child)
            for name, child in state["_modules"].items()
        }
        state.update(NO_HOOKS)
        state.update({name: on_meta(spec) for name, spec in special.items()})
        made.__dict__.update(state)
        if has_more(type(made)):
            self._fill(made, module)
        return made

    def _fill(self, made: Any, module: Any) -> None:
        """Give a stand-in the module's slots, and its items if its class is a container."""
        for slot in slots(type(module)):
            with suppress(AttributeError):  # an empty slot
                slot.__set__(made, self._attribute(slot.__get__(module)))
        base: Any = built_in_base(type(module))
        if base in (dict, OrderedDict):
            base.update(made, [(key, self._attribute(each)) for key, each in base.items(module)])
        elif base in (list, deque):
            base.extend(made, map(self._attribute, base.__iter__(module)))
        elif base is set:
            base.update(made, map(self._attribute, base.__iter__(module)))

    def _child(self, module: nn.Module) -> nn.Module:
        """The stand-in of a module that another module holds. A cycle ends in an empty module."""
        if not is_module(module):
            return self._hollow
        module = unwrap(module)
        known = self._last.get(id(module))
        if known is not None:
            return known[1]
        if id(module) in self._under_way:
            return self._hollow
        self._under_way.add(id(module))
        made = self.of(module)
        self._under_way.discard(id(module))
        return made

    def _attribute(
        self, value: Any, known: dict[int, object] | None = None, depth: int = 0
    ) -> object:
        """An attribute of a stand-in: tensors on meta, stand-ins for modules, ints for integers.

        ``known`` has the containers around it. A container inside itself stays as it is.
        """
        kind = type(value)
        if kind in _SCALARS or (kind is tuple and _SCALARS.issuperset(map(type, value))):
            return value
        if issubclass(kind, torch.Tensor):
            return on_meta_like(value)
        if issubclass(kind, (BaseException, TracebackType, FrameType)):
            return Opaque(kind.__name__)  # its frames hold the tensors of the run
        if issubclass(kind, nn.Module):
            return self._child(value)
        value = as_int(value)
        if kind not in (list, tuple, dict, OrderedDict) or len(value) > _LONG or depth > _DEEP:
            return value
        known = {} if known is None else known
        if id(value) in known:
            return known[id(value)]
        known[id(value)] = value
        if kind in (list, tuple):
            made = kind([self._attribute(item, known, depth + 1) for item in value])
        else:
            made = kind(
                [
                    (key_on_meta(key), self._attribute(item, known, depth + 1))
                    for key, item in value.items()
                ]
            )
        known[id(value)] = made
        return made


def _bare(cls: type) -> Any:
    """An object of a class, without anything in it."""
    return built_in_base(cls).__new__(cls)


def _tensors(held: dict[str, torch.Tensor | None]) -> Key:
    """The part of a key that describes a module's parameters or buffers."""
    return tuple(
        [
            (name, each if each is None else (spec_of(each), type(each)))
            for name, each in held.items()
        ]
    )


def _for_ever(kind: type) -> bool:
    """Whether a type is built into the interpreter, or torch's own."""
    return lasts(kind) and kind.__module__.partition(".")[0] in ("builtins", "collections", "torch")

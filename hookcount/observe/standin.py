"""Stand-ins of modules, for formulas to read.

A stand-in has the module's class and attributes, but its parameters are on meta. So a trace can
outlive the model and holds none of its memory.
"""

from __future__ import annotations

from collections import OrderedDict
from operator import itemgetter
from types import FunctionType
from typing import Any

import torch
from torch import nn

from ..core.trace import Spec
from .module_tree import TORCHS_OWN, unwrap
from .quiet import quiet
from .specs import spec_of
from .values import Key

_NO_HOOKS: dict[str, OrderedDict[int, object]] = {
    name: OrderedDict()
    for name in (
        "_backward_pre_hooks",
        "_backward_hooks",
        "_forward_hooks",
        "_forward_hooks_with_kwargs",
        "_forward_hooks_always_called",
        "_forward_pre_hooks",
        "_forward_pre_hooks_with_kwargs",
        "_state_dict_hooks",
        "_state_dict_pre_hooks",
        "_load_state_dict_pre_hooks",
        "_load_state_dict_post_hooks",
    )
}
_SCALARS = frozenset(
    (int, float, bool, str, bytes, complex, type(None), torch.dtype, torch.device, torch.layout)
)
_SEQUENCES = (tuple, list, torch.Size)
_LONG = 1_000
"""Items. A longer container is compared by identity and is not copied."""

_on_meta_already: dict[tuple[Spec, bool], torch.Tensor] = {}
_attributes_of: dict[tuple[str, ...], tuple[int, itemgetter[object]]] = {}
"""By the names of a module's attributes: see ``_read_names``."""
_not_scalar: dict[tuple[type, ...], tuple[int, tuple[int, ...]]] = {}
"""By the types of a module's attributes: see ``_read_kinds``."""


class StandIns:
    """Gives modules their stand-ins.

    Modules with the same class, the same attributes and tensors of the same shapes share one.
    ``kept`` outlives the count if a ``Counter`` is used again. It holds the stand-ins of modules
    whose attributes are plain values, down to the last child. Any other stand-in serves one count.
    There the attributes are compared by identity.
    """

    def __init__(self, kept: dict[Key, nn.Module]) -> None:
        self._kept = kept
        self._own: dict[Key, nn.Module] = {}
        self._last: dict[int, nn.Module] = {}
        self._under_way: set[int] = set()
        self._held: list[nn.Module] = []
        """Modules whose attributes are compared by identity. While they are held here, no new
        object can get the identity of one of their attributes."""
        self._hollow = nn.Module()
        self._passing: set[int] = {id(self._hollow)}
        """Ids of the stand-ins that serve only this count."""

    def of(self, module: nn.Module) -> nn.Module:
        """The stand-in of ``module`` in its present state.

        It has the same class and attributes, with parameters and buffers on meta. A ScriptModule is
        its own stand-in.
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
                self._held.append(module)
        self._last[id(module)] = made
        return made

    def passing(self, stand_in: nn.Module) -> bool:
        """Whether a stand-in serves only this count."""
        return id(stand_in) in self._passing

    def _key(self, module: nn.Module) -> tuple[Key, bool]:
        """The key of a module's state, and whether the state is made of plain values."""
        state = module.__dict__
        names = tuple(state)
        number, attributes = _attributes_of.get(names) or _read_names(names)
        values = attributes(state)
        kinds = tuple(map(type, values))
        kind, indices = _not_scalar.get(kinds) or _read_kinds(kinds)
        plain = True
        if indices:
            changed = list(values)
            for index in indices:
                found = _frozen(values[index])
                plain = plain and found is not None
                changed[index] = id(values[index]) if found is None else found
            values = tuple(changed)
        key: list[object] = [type(module), number, kind, values]
        key += [_tensors(held) for held in (state["_parameters"], state["_buffers"]) if held]
        if state["_modules"]:
            children = [
                (name, None if each is None else self._child(each))
                for name, each in state["_modules"].items()
            ]
            plain = plain and not any(id(child) in self._passing for _, child in children)
            key.append(tuple([(name, id(child)) for name, child in children]))
        return tuple(key), plain

    def _make(self, module: nn.Module) -> nn.Module:
        made: nn.Module = object.__new__(type(module))
        state: dict[str, Any] = {
            name: value if type(value) in _SCALARS or name in TORCHS_OWN else self._attribute(value)
            for name, value in vars(module).items()
        }
        for name in ("_parameters", "_buffers"):
            state[name] = {
                key: None if held is None else _on_meta(held) for key, held in state[name].items()
            }
        state["_modules"] = {
            name: None if child is None else self._child(child)
            for name, child in state["_modules"].items()
        }
        state.update(_NO_HOOKS)
        made.__dict__.update(state)
        return made

    def _child(self, module: nn.Module) -> nn.Module:
        """The stand-in of a module that another module holds. A cycle ends in an empty module."""
        module = unwrap(module)
        known = self._last.get(id(module))
        if known is not None:
            return known
        if id(module) in self._under_way:
            return self._hollow
        self._under_way.add(id(module))
        made = self.of(module)
        self._under_way.discard(id(module))
        return made

    def _attribute(self, value: Any) -> object:
        """An attribute of a stand-in: its tensors are on meta and its modules are stand-ins."""
        kind = type(value)
        if kind in _SCALARS:
            return value
        if isinstance(value, torch.Tensor):
            return _on_meta(value)
        if isinstance(value, nn.Module):
            return self._child(value)
        if kind in (list, tuple) and len(value) <= _LONG:
            return kind([self._attribute(item) for item in value])
        if kind in (dict, OrderedDict) and len(value) <= _LONG:
            return kind([(key, self._attribute(item)) for key, item in value.items()])
        return value


def _read_names(names: tuple[str, ...]) -> tuple[int, itemgetter[object]]:
    """A number for these names, and a getter of ``training`` and of the user's own attributes."""
    mine = [name for name in names if name not in TORCHS_OWN]
    training = "training" if "training" in names else names[0]
    # with a single name an itemgetter would return no tuple
    attributes: itemgetter[object] = itemgetter(training, training, *mine)
    made = _attributes_of[names] = len(_attributes_of), attributes
    return made


def _read_kinds(kinds: tuple[type, ...]) -> tuple[int, tuple[int, ...]]:
    """A number for these types of values, and the positions of those that are not scalars."""
    made = _not_scalar[kinds] = (
        len(_not_scalar),
        tuple([index for index, kind in enumerate(kinds) if kind not in _SCALARS]),
    )
    return made


def _tensors(held: dict[str, torch.Tensor | None]) -> Key:
    """The part of a key that describes a module's parameters or buffers."""
    return tuple(
        [
            (name, each if each is None else (spec_of(each), type(each)))
            for name, each in held.items()
        ]
    )


def _frozen(value: Any) -> tuple[object, ...] | None:
    """A hashable form of a container of plain values; None for anything else."""
    kind = type(value)
    if kind is type or (kind is FunctionType and value.__closure__ is None):
        return (kind, value)
    if kind in (dict, OrderedDict) and len(value) <= _LONG:
        items = _frozen(list(value.keys())), _frozen(list(value.values()))
        return None if None in items else (kind, items)
    if kind not in _SEQUENCES or len(value) > _LONG:
        return None
    kinds = tuple(map(type, value))
    if _SCALARS.issuperset(kinds):
        return (kind, kinds, tuple(value))
    frozen = [(type(item), item) if type(item) in _SCALARS else _frozen(item) for item in value]
    return None if None in frozen else (kind, tuple(frozen))


def _on_meta(tensor: torch.Tensor) -> torch.Tensor:
    """A meta tensor with the shape and dtype of ``tensor``.

    Nothing writes to it. So tensors of equal shape and dtype share one.
    """
    key = (spec_of(tensor), isinstance(tensor, nn.Parameter))
    made = _on_meta_already.get(key)
    if made is None:
        with quiet():
            made = torch.empty(key[0].shape, dtype=tensor.dtype, device="meta")
            if key[1]:
                made = nn.Parameter(made, requires_grad=False)
        if len(_on_meta_already) > 10_000:
            _on_meta_already.clear()
        _on_meta_already[key] = made
    return made

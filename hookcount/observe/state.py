"""Undoes what a forward changed in the model, its inputs and the random state."""

from __future__ import annotations

import random
import sys
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import is_, itemgetter
from typing import Any

import torch
from torch import nn
from torch.autograd.grad_mode import _unsafe_preserve_version_counter

from .module_tree import TORCHS_OWN, ModuleTree
from .opfacts import OpFacts
from .quiet import quiet
from .specs import has_values, storage, tensors
from .values import OpArgs, OpKwargs

Container = dict[Any, Any] | list[Any] | set[Any] | deque[Any]
"""A container that a module holds, and that a forward may change."""

_CONTAINERS = frozenset((dict, OrderedDict, list, set, deque))
_PLAIN = frozenset((int, float, bool, str, type(None)))


class Guard:
    """Saves the values of a protected tensor just before an op writes to them.

    So a count copies only the tensors that are written to.
    """

    def __init__(self, protected: list[torch.Tensor], parameters: list[_Parameter]) -> None:
        self._protected = protected
        self._parameters = parameters
        self._by_storage: dict[int, list[torch.Tensor]] | None = None
        self._saved: list[tuple[torch.Tensor, torch.Tensor]] = []
        counted = (*protected, *(each.parameter for each in parameters))
        self._versions = [(each, each._version) for each in counted if not each.is_inference()]

    def before(self, facts: OpFacts, args: OpArgs, kwargs: OpKwargs) -> None:
        """An op is about to run: save the tensors that it will write to."""
        for index in facts.writes:
            if index < len(args):
                self._save(args[index])
        for name in facts.writes_by_name:
            self._save(kwargs.get(name))

    def _save(self, written: object) -> None:
        for tensor in tensors(written):
            held = self._held().pop(storage(tensor), ())
            for each in held:
                if has_values(each):
                    with quiet():
                        self._saved.append((each, each.detach().clone()))

    def _held(self) -> dict[int, list[torch.Tensor]]:
        """The protected tensors that are not saved yet, by the storage that they show."""
        if self._by_storage is None:  # made late: most runs write to no real tensor
            self._by_storage = {}
            for tensor in (*self._protected, *(each.data for each in self._parameters)):
                self._by_storage.setdefault(storage(tensor), []).append(tensor)
        return self._by_storage

    def restore(self) -> None:
        """Put back the saved values, and the version counters of all protected tensors."""
        if self._saved:
            with quiet():
                for tensor, values in self._saved:
                    tensor.detach().copy_(values)
        for tensor, version in self._versions:
            if tensor._version != version:
                _set_version(tensor, version)


def _set_version(tensor: torch.Tensor, version: int) -> None:
    """Set autograd's version counter, which counts the writes to a tensor.

    A graph that saved the tensor raises in its backward pass if the version has changed. torch
    offers no other way to set it than this class.
    """
    keeper: Any = _unsafe_preserve_version_counter(tensor)
    if hasattr(keeper, "prev_versions"):
        keeper.prev_versions = (version,)
    else:  # torch 2.6
        keeper.prev_version = version
    keeper.__exit__(None, None, None)


@contextmanager
def preserved(tree: ModuleTree, inputs: object) -> Iterator[Guard]:
    """Undo at the end of the block all changes that a forward makes in it, also after an exception.

    The model, the tensors in ``inputs`` and the random state are then bit for bit as before.
    """
    attributes = [_Attributes(module) for module in tree.modules]
    parameters = [_Parameter(parameter) for parameter in tree.parameters]
    scripted = [
        (module, module.training)
        for module in tree.modules
        if isinstance(module, torch.jit.ScriptModule)
    ]
    guard = Guard(list(_protected(tree, parameters, attributes, inputs)), parameters)
    grad = torch.is_grad_enabled()
    randomness = _Randomness()
    try:
        yield guard
    finally:
        if torch.is_grad_enabled() is not grad:
            torch.set_grad_enabled(grad)
        for each in attributes:
            each.restore()
        for module, training in scripted:
            if module.training is not training:
                module.training = training
        for parameter in parameters:
            parameter.restore()
        guard.restore()
        randomness.restore()


def _protected(
    tree: ModuleTree, parameters: list[_Parameter], attributes: list[_Attributes], inputs: object
) -> Iterator[torch.Tensor]:
    """The tensors whose values a forward may overwrite, besides the parameters."""
    yield from (each.grad for each in parameters if each.grad is not None)
    yield from tree.buffers
    for held in attributes:
        for value in held.others:
            if type(value) not in (tuple, list) or not _PLAIN.issuperset(map(type, value)):
                yield from tensors(value)
    yield from tensors(inputs)


class _Parameter:
    """A parameter's own attributes: its ``data``, its gradient and ``requires_grad``."""

    __slots__ = ("_requires_grad", "_storage", "data", "grad", "parameter")

    def __init__(self, parameter: nn.Parameter) -> None:
        self.parameter = parameter
        self.grad = parameter.grad
        self._requires_grad = parameter.requires_grad
        self.data = parameter.data
        self._storage = storage(parameter)

    def restore(self) -> None:
        parameter, data = self.parameter, self.data
        if parameter.grad is not self.grad:
            parameter.grad = self.grad
        if (
            storage(parameter) != self._storage
            or parameter.shape != data.shape
            or parameter.dtype != data.dtype
        ):
            parameter.data = data
        if parameter.requires_grad is not self._requires_grad:
            parameter.requires_grad_(self._requires_grad)


class _Attributes:
    """A module's ``__dict__`` and the lists, dicts, sets and deques in it.

    Their items are compared by identity. ``others`` are the user's attributes that may hold
    tensors.
    """

    __slots__ = ("_before", "_empty", "_inner", "_now", "others")

    def __init__(self, module: nn.Module) -> None:
        self._now = vars(module)
        self._before = self._now.copy()
        values = tuple(self._before.values())
        key = tuple(self._before), tuple(map(type, values))
        containers, others = _of_interest.get(key) or _read(*key)
        self.others = others(values)
        held = containers(values)
        self._empty: list[Container] = [value for value in held if not value]
        self._inner: list[tuple[Container, Container]] = []
        if len(self._empty) < len(held):
            seen: set[int] = set()
            for value in held:
                if value:
                    self._keep(value, seen)

    def _keep(self, container: Container, seen: set[int]) -> None:
        """Copy a container, and every container in it."""
        if id(container) in seen:
            return
        seen.add(id(container))
        self._inner.append((container, container.copy()))
        for value in container.values() if isinstance(container, dict) else container:
            if type(value) in _CONTAINERS:
                if value:
                    self._keep(value, seen)
                else:
                    self._empty.append(value)

    def restore(self) -> None:
        if not _identical(self._now, self._before):
            _put_back(self._now, self._before)
        for container, before in self._inner:
            if not _identical(container, before):
                _put_back(container, before)
        if any(self._empty):
            for container in self._empty:
                container.clear()


_Getter = Callable[[tuple[object, ...]], Sequence[Any]]
"""Picks some of a module's attribute values."""
_of_interest: dict[tuple[tuple[str, ...], tuple[type, ...]], tuple[_Getter, _Getter]] = {}


def _read(names: tuple[str, ...], kinds: tuple[type, ...]) -> tuple[_Getter, _Getter]:
    """Two getters for a module with attributes of these names and types.

    The first picks the containers, the second the user's attributes that may hold tensors.
    """
    containers = [index for index, kind in enumerate(kinds) if kind in _CONTAINERS]
    named = enumerate(zip(names, kinds, strict=True))
    others = [
        index for index, (name, kind) in named if kind not in _PLAIN and name not in TORCHS_OWN
    ]
    made = _of_interest[names, kinds] = _getter(containers), _getter(others)
    return made


def _getter(indices: list[int]) -> _Getter:
    return (
        itemgetter(*indices)
        if len(indices) > 1
        else lambda values: [values[index] for index in indices]
    )


def _put_back(container: Container, before: Any) -> None:
    """Give a container the items of ``before``, its copy."""
    container.clear()
    if isinstance(container, (dict, set)):
        container.update(before)
    else:
        container.extend(before)


def _identical(now: Container, before: Any) -> bool:
    """Whether a container still holds the same objects as ``before``, its copy."""
    if len(now) != len(before):
        return False
    if isinstance(now, dict):
        return all(map(is_, now, before)) and all(map(is_, now.values(), before.values()))
    return all(map(is_, now, before))


class _Randomness:
    """The state of every global random generator: of torch, of Python and of numpy."""

    def __init__(self) -> None:
        self._torch = torch.get_rng_state()
        self._cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None  # type: ignore[no-untyped-call]
        self._mps = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None
        self._python = random.getstate()
        numpy = sys.modules.get("numpy.random")
        self._numpy = numpy.get_state() if numpy is not None else None

    def restore(self) -> None:
        torch.set_rng_state(self._torch)
        if self._cuda is not None:
            torch.cuda.set_rng_state_all(self._cuda)
        if self._mps is not None:
            torch.mps.set_rng_state(self._mps)
        random.setstate(self._python)
        if self._numpy is not None:
            sys.modules["numpy.random"].set_state(self._numpy)

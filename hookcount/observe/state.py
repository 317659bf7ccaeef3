"""Leaving no trace: what a forward changes in the model, its inputs and the random state is put back afterwards."""

from __future__ import annotations

import random
import sys
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.autograd.grad_mode import _unsafe_preserve_version_counter

from .opfacts import OpFacts
from .places import TORCHS_OWN
from .quiet import quiet
from .specs import storage, tensors

_CONTAINERS = (dict, OrderedDict, list, set, deque)


class Guard:
    """Saves a protected tensor's values just before an op writes to them, so that a count copies only what is written."""

    def __init__(self, protected: Iterator[torch.Tensor]) -> None:
        self._by_storage: dict[int, list[torch.Tensor]] = {}
        for tensor in protected:
            self._by_storage.setdefault(storage(tensor), []).append(tensor)
        self._saved: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._versions = [(each, each._version) for same in self._by_storage.values() for each in same if not each.is_inference()]

    def before(self, facts: OpFacts, args: Any, kwargs: Any) -> None:
        """An op is about to run: save what it will write."""
        for index in facts.writes:
            if index < len(args):
                self._save(args[index])
        for name in facts.writes_by_name:
            self._save(kwargs.get(name))

    def _save(self, written: Any) -> None:
        for tensor in tensors(written):
            held = self._by_storage.pop(storage(tensor), ())
            for each in held:
                if not each.is_meta:
                    with quiet():
                        self._saved.append((each, each.detach().clone()))

    def restore(self) -> None:
        with quiet():
            for tensor, values in self._saved:
                tensor.detach().copy_(values)
        for tensor, version in self._versions:
            if tensor._version != version:
                _set_version(tensor, version)


def _set_version(tensor: torch.Tensor, version: int) -> None:
    """Autograd's count of writes, to which a graph that saved the tensor holds it. torch sets it by this class alone."""
    keeper: Any = _unsafe_preserve_version_counter(tensor)
    if hasattr(keeper, "prev_versions"):
        keeper.prev_versions = (version,)
    else:  # torch 2.6
        keeper.prev_version = version
    keeper.__exit__(None, None, None)


@contextmanager
def preserved(model: nn.Module, inputs: Any) -> Iterator[Guard]:
    """Inside, a forward may do what it likes; afterwards, and after an exception, all is bit for bit as before."""
    modules = list(model.modules())
    attributes = [_Attributes(module) for module in modules]
    modes = [(module, module.training) for module in modules]
    parameters = [_Parameter(parameter) for parameter in model.parameters()]
    guard = Guard(_protected(model, modules, inputs))
    grad = torch.is_grad_enabled()
    randomness = _Randomness()
    try:
        yield guard
    finally:
        torch.set_grad_enabled(grad)
        for each in attributes:
            each.restore()
        for module, training in modes:
            if module.training is not training:
                module.training = training
        for parameter in parameters:
            parameter.restore()
        guard.restore()
        randomness.restore()


def _protected(model: nn.Module, modules: list[nn.Module], inputs: Any) -> Iterator[torch.Tensor]:
    for parameter in model.parameters():
        yield parameter
        if parameter.grad is not None:
            yield parameter.grad
    yield from model.buffers()
    for module in modules:
        for name, value in vars(module).items():
            if name not in TORCHS_OWN:
                yield from tensors(value)
    yield from tensors(inputs)


class _Parameter:
    """A parameter's own attributes: its data's place, gradient and ``requires_grad``."""

    def __init__(self, parameter: nn.Parameter) -> None:
        self._parameter = parameter
        self._requires_grad = parameter.requires_grad
        self._grad = parameter.grad
        self._data = parameter.data

    def restore(self) -> None:
        parameter = self._parameter
        if parameter.grad is not self._grad:
            parameter.grad = self._grad
        if parameter.device != self._data.device or parameter.dtype != self._data.dtype or _moved(parameter, self._data):
            parameter.data = self._data
        if parameter.requires_grad is not self._requires_grad:
            parameter.requires_grad_(self._requires_grad)


def _moved(parameter: torch.Tensor, data: torch.Tensor) -> bool:
    return storage(parameter) != storage(data) or parameter.shape != data.shape


class _Attributes:
    """A module's ``__dict__`` and the lists, dicts and sets in it, by identity."""

    def __init__(self, module: nn.Module) -> None:
        self._held: list[tuple[Any, Any]] = []
        self._seen: set[int] = set()
        self._keep(vars(module))

    def _keep(self, container: Any) -> None:
        if id(container) in self._seen:
            return
        self._seen.add(id(container))
        self._held.append((container, container.copy()))
        for value in container.values() if isinstance(container, dict) else container:
            if type(value) in _CONTAINERS and value:
                self._keep(value)
            elif type(value) in _CONTAINERS:
                self._held.append((value, ()))

    def restore(self) -> None:
        for container, before in self._held:
            if (not container and not before) or _identical(container, before):
                continue
            container.clear()
            if isinstance(container, (dict, set)):
                container.update(before)
            else:
                container.extend(before)


def _identical(now: Any, before: Any) -> bool:
    if len(now) != len(before):
        return False
    if isinstance(now, dict):
        return all(a is b and now[a] is before[b] for a, b in zip(now, before, strict=True))
    return all(a is b for a, b in zip(now, before, strict=True))


class _Randomness:
    """The state of every random generator that a forward could draw from."""

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

"""Functions that act on the whole process. In a thread that counts they act only on its count.

Each is replaced once for all counts, through ``patches.py``. The replacement asks its own thread's
count, and in every other thread it is the original.
"""

from __future__ import annotations

import functools
import gc
import importlib
import random
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any

import torch
from torch.autograd.graph import saved_tensors_hooks

from .observer import innermost_given
from .patches import Undo, replaced, shared
from .state import Given
from .undo.guard import Guard
from .undo.process_settings import SETTERS
from .undo.randomness import numpy_global

Function = Callable[..., Any]
Change = tuple[type | ModuleType, str, Callable[[Function], Function]]
"""What is replaced: the owner, the name, and a function that makes the replacement."""

_CPU = torch.device("cpu")


def own_functions() -> AbstractContextManager[None]:
    """For the block, process-wide functions act on this thread's count."""
    return shared("functions of the process", lambda: _install(_always()))


def own_random_functions() -> AbstractContextManager[None]:
    """For the block, the functions of ``random`` and ``numpy.random`` draw for this count alone.

    That matters only if other threads draw too. Otherwise the state is put back afterwards.
    """
    return shared("random functions", lambda: _install(_random_changes()))


def own_gradients() -> AbstractContextManager[None]:
    """For the block, a count notes when its own thread uses a gradient."""
    return shared("gradients", lambda: _install(_gradient_changes()))


def _gradient_changes() -> Iterator[Change]:
    yield torch.autograd, "_engine_run_backward", _noting_gradients
    yield torch.Tensor, "grad", _gradient


def _noting_gradients(own: Function) -> Function:
    @functools.wraps(own)
    def function(*args: Any, **kwargs: Any) -> Any:
        _keep_gradients()
        return own(*args, **kwargs)

    return function


def _gradient(own: Any) -> Any:
    """The attribute ``grad`` of tensors."""

    def read(tensor: torch.Tensor) -> Any:
        _keep_gradients(tensor, gives=False)
        return own.__get__(tensor)

    def write(tensor: torch.Tensor, value: Any) -> None:
        _keep_gradients(tensor)
        own.__set__(tensor, value)

    def delete(tensor: torch.Tensor) -> None:
        _keep_gradients(tensor)
        own.__delete__(tensor)

    return property(read, write, delete)


def _keep_gradients(tensor: torch.Tensor | None = None, gives: bool = True) -> None:
    given = innermost_given()
    if given is not None:
        given.keep_grads()
        if tensor is not None:
            given.use_grad_away(tensor, gives)


@functools.cache
def _always() -> list[Change]:
    """The changes of every count. A replacement is made once and serves again."""
    return [(owner, name, _Remembered(make)) for owner, name, make in _changes()]


class _Remembered:
    """Makes the replacement of a function, and the same one when it is asked again."""

    def __init__(self, make: Callable[[Function], Function]) -> None:
        self._make = make
        self._last: tuple[Function, Function] | None = None
        """The function, and its replacement."""

    def __call__(self, own: Function) -> Function:
        if self._last is None or self._last[0] is not own:
            self._last = own, self._make(own)
        return self._last[1]


def _install(changes: Iterable[Change]) -> Undo:
    undos = [replaced(owner, name, make) for owner, name, make in changes]

    def undo() -> None:
        for each in reversed(undos):
            each()

    return undo


def _changes() -> Iterator[Change]:
    for (module, name), setting in SETTERS.items():
        yield importlib.import_module(module), name, functools.partial(_noted, setting)
    yield torch.backends.ContextProp, "__set__", functools.partial(_noted, "flags of backends")
    for owner in (torch, torch.random):
        for name, instead in _TORCHS.items():
            yield owner, name, functools.partial(_instead, instead)
    for name, instead in _COLLECTORS.items():
        yield gc, name, functools.partial(_instead, instead)
    for block in (torch.inference_mode, warnings.catch_warnings, saved_tensors_hooks):
        yield block, "__enter__", _opening
        yield block, "__exit__", _closing
    for name in ("numpy", "__dlpack__"):
        yield torch.Tensor, name, functools.partial(_saving, Guard.save)
    for name in ("resize_", "fill_", "copy_", "__setitem__"):
        yield torch.UntypedStorage, name, functools.partial(_saving, Guard.save_memory)


def _noted(setting: str, own: Function) -> Function:
    """A function that changes a setting of the process."""

    @functools.wraps(own)
    def setter(*args: Any, **kwargs: Any) -> Any:
        given = innermost_given()
        if given is not None:
            given.settings.note(setting)
        return own(*args, **kwargs)

    return setter


def _instead(instead: Callable[..., Any], own: Function) -> Function:
    """A function that does ``instead(given, ...)`` in a thread that counts."""

    @functools.wraps(own)
    def function(*args: Any, **kwargs: Any) -> Any:
        given = innermost_given()
        return own(*args, **kwargs) if given is None else instead(given, *args, **kwargs)

    return function


def _saving(save: Callable[[Guard, Any], None], own: Function) -> Function:
    """A method of a tensor or a storage after which its memory may be written to unseen.

    ``save`` keeps what is in the memory.
    """

    @functools.wraps(own)
    def method(holder: Any, *args: Any, **kwargs: Any) -> Any:
        given = innermost_given()
        if given is not None and holder.device.type == "cpu":
            save(given.guard, holder)
        return own(holder, *args, **kwargs)

    return method


def _opening(own: Function) -> Function:
    """A block begins. It must end with the count, and before the modes around it do."""

    @functools.wraps(own)
    def enter(context: Any) -> Any:
        given = innermost_given()
        if given is not None:
            given.settings.opened.append(context)
        return own(context)

    return enter


def _closing(own: Function) -> Function:
    @functools.wraps(own)
    def leave(context: Any, *args: Any) -> Any:
        given = innermost_given()
        if given is not None and context in given.settings.opened:
            given.settings.opened.remove(context)
        return own(context, *args)

    return leave


def _manual_seed(given: Given, seed: Any) -> torch.Generator:
    for each in (torch.device("cuda", index) for index in range(_cuda_devices())):
        given.randomness.generator(each).manual_seed(int(seed))
    return given.randomness.generator(_CPU).manual_seed(int(seed))


def _set_rng_state(given: Given, new_state: torch.Tensor) -> None:
    given.randomness.generator(_CPU).set_state(new_state)


def _cuda_devices() -> int:
    return torch.cuda.device_count() if torch.cuda.is_initialized() else 0  # type: ignore[no-untyped-call]


_TORCHS: dict[str, Callable[..., Any]] = {
    "manual_seed": _manual_seed,
    "seed": lambda given: given.randomness.generator(_CPU).seed(),
    "initial_seed": lambda given: given.randomness.generator(_CPU).initial_seed(),
    "get_rng_state": lambda given: given.randomness.generator(_CPU).get_state(),
    "set_rng_state": _set_rng_state,
}
_COLLECTORS: dict[str, Callable[..., Any]] = {
    "enable": lambda given: setattr(given, "collects", True),
    "disable": lambda given: setattr(given, "collects", False),
    "isenabled": lambda given: given.collects,
    "freeze": lambda given: None,
}


def _random_changes() -> Iterator[Change]:
    for name in dir(random):
        if getattr(getattr(random, name), "__self__", None) is random._inst:
            yield random, name, functools.partial(_drawn, "python", name)
    numpy, whole = sys.modules.get("numpy.random"), numpy_global()
    if numpy is None or whole is None:
        return
    for name in dir(numpy):
        found = getattr(numpy, name)
        if getattr(found, "__self__", None) is whole or (
            name in ("seed", "get_state", "set_state", "ranf", "sample") and callable(found)
        ):
            yield numpy, name, functools.partial(_drawn, "numpy", _ALIASES.get(name, name))


_ALIASES = {"ranf": "random_sample", "sample": "random_sample"}


def _drawn(library: str, name: str, own: Function) -> Function:
    """A function that draws from the global generator of Python or numpy."""

    @functools.wraps(own)
    def function(*args: Any, **kwargs: Any) -> Any:
        given = innermost_given()
        if given is None:
            return own(*args, **kwargs)
        return getattr(getattr(given.randomness, library), name)(*args, **kwargs)

    return function

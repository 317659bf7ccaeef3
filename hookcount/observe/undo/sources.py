"""Keeps the state of generators of random numbers that the model or the arguments hold."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch

from ..quiet import quiet


class Source:
    """The state of a generator of random numbers."""

    __slots__ = ("_before", "_equal", "_read", "_write")

    def __init__(
        self,
        read: Callable[[], Any],
        write: Callable[[Any], object],
        equal: Callable[[Any, Any], bool] | None = None,
    ) -> None:
        self._read, self._write, self._equal = read, write, equal or _equal
        self._before = read()

    def restore(self, keep: Callable[[], bool] = lambda: False) -> None:
        """Put the state back if it has changed, unless ``keep`` says that it is another's."""
        if not self._equal(self._read(), self._before) and not keep():
            self._write(self._before)


def source(generator: Any) -> Source | None:
    """The state of a generator of torch, Python or numpy; None for one without a state."""
    if isinstance(generator, torch.Generator):
        return Source(_quietly(generator.get_state), _quietly(generator.set_state))
    if hasattr(generator, "getstate"):
        return Source(generator.getstate, generator.setstate, operator.eq)
    if hasattr(generator, "bit_generator"):  # numpy.random.Generator
        return source(generator.bit_generator)
    if hasattr(generator, "get_state"):  # numpy.random.RandomState
        return Source(generator.get_state, generator.set_state)
    if hasattr(generator, "state"):  # a bit generator of numpy
        return Source(lambda: generator.state, lambda state: setattr(generator, "state", state))
    return None


def _quietly(call: Callable[..., Any]) -> Callable[..., Any]:
    def quietly(*args: Any) -> Any:
        with quiet():
            return call(*args)

    return quietly


def _equal(now: Any, before: Any) -> bool:
    """Whether two states are equal. A state may hold tensors or numpy arrays."""
    if isinstance(before, torch.Tensor):
        with quiet():
            return torch.equal(now, before)
    if isinstance(before, dict):
        return now.keys() == before.keys() and all(
            _equal(now[name], each) for name, each in before.items()
        )
    if isinstance(before, (tuple, list)):
        return len(now) == len(before) and all(map(_equal, now, before))
    if hasattr(before, "tobytes"):
        return bool(now.tobytes() == before.tobytes())
    return bool(now == before)

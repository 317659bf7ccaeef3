"""Gives a run its random numbers without drawing from the process's generators.

The run gets generators of its own, in the state of the process's. So it draws the numbers that a
plain forward would draw, and the draws of other threads go on undisturbed. The process's generators
are put back only where code drew from them unseen.
"""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import torch

from ...rules.registry import Op
from ..interrupts import HeldBack
from ..opfacts import OpFacts
from ..quiet import quiet
from ..values import OpArgs, OpKwargs, OpResult
from .sources import Source, source

_swapping = threading.RLock()
"""Held while a default generator has the state of a run."""


class Randomness:
    """The random numbers of one run. ``outer`` is that of the count around this one, if any."""

    def __init__(self, outer: Randomness | None) -> None:
        self._outer = outer
        self._own: dict[torch.device, torch.Generator] = {}
        self._python: random.Random | None = None
        self._numpy: Any = None
        self._sources = list(_sources())

    def run(self, func: Op, facts: OpFacts, args: OpArgs, kwargs: OpKwargs) -> OpResult:
        """Run an op that draws random numbers."""
        if any(isinstance(each, torch.Generator) for each in (*args, *kwargs.values())):
            return func(*args, **kwargs)
        device = _device(args, kwargs)
        if _default(device) is None:
            return func(*args, **kwargs)
        if facts.seeded is not None:
            positional = [
                index
                for index, each in enumerate(facts.seeded._schema.arguments[: len(args)])
                if each.name == "generator"
            ]
            if not positional:
                return facts.seeded(*args, **{**kwargs, "generator": self.generator(device)})
        return self._swapped(func, device, args, kwargs)

    def _swapped(self, func: Op, device: torch.device, args: OpArgs, kwargs: OpKwargs) -> OpResult:
        """Run an op that takes no generator: the default generator gets our state meanwhile."""
        own, default = self.generator(device), _default(device)
        assert default is not None
        with HeldBack(), _swapping:
            with quiet():
                before = default.get_state()
                default.set_state(own.get_state())
            try:
                return func(*args, **kwargs)
            finally:
                with quiet():
                    own.set_state(default.get_state())
                    default.set_state(before)

    def generator(self, device: torch.device) -> torch.Generator:
        """The run's own generator for a device."""
        made = self._own.get(device)
        if made is None:
            default = self._outer.generator(device) if self._outer else _default(device)
            assert default is not None
            with quiet():
                made = torch.Generator(device)
                made.set_state(default.get_state())
            self._own[device] = made
        return made

    @property
    def python(self) -> random.Random:
        """The run's own generator in place of those functions of ``random``."""
        if self._python is None:
            self._python = random.Random()
            state = self._outer.python.getstate() if self._outer else random.getstate()
            self._python.setstate(state)
        return self._python

    @property
    def numpy(self) -> Any:
        """The run's own generator in place of the functions of ``numpy.random``."""
        if self._numpy is None:
            numpy = sys.modules["numpy.random"]
            self._numpy = numpy.RandomState()
            state = self._outer.numpy.get_state() if self._outer else numpy.get_state()
            self._numpy.set_state(state)
        return self._numpy

    def restore(self, others_ran: Callable[[], bool]) -> None:
        """Put back the process's generators, if code drew from them unseen.

        If another thread ran, the draws are its own.
        """
        for each in self._sources:
            each.restore(others_ran)


def _sources() -> Iterator[Source]:
    """The state of every global generator: of torch, of Python and of numpy."""
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        for each in torch.cuda.default_generators:
            yield Source(each.get_state, each.set_state)
    if torch.backends.mps.is_available():
        yield Source(torch.mps.get_rng_state, torch.mps.set_rng_state)
    found_here: tuple[Any, ...] = (
        torch.default_generator,
        sys.modules.get("random"),
        numpy_global(),
    )
    for generator in found_here:
        if generator is not None:
            found = source(generator)
            if found is not None:
                yield found


def numpy_global() -> Any:
    """numpy's global generator, a ``RandomState``; None if numpy is not loaded."""
    numpy = sys.modules.get("numpy.random")
    return getattr(getattr(numpy, "mtrand", None), "_rand", None)


def _device(args: OpArgs, kwargs: OpKwargs) -> torch.device:
    """The device on which an op draws."""
    if kwargs.get("device") is not None:
        return _indexed(torch.device(kwargs["device"]))
    tensors = [each for each in (*args, *kwargs.values()) if isinstance(each, torch.Tensor)]
    if tensors:
        return _indexed(tensors[0].device)
    return torch.device("cpu")


def _indexed(device: torch.device) -> torch.device:
    if str(device) == "cuda":
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu") if device.type == "cpu" else device


def _default(device: torch.device) -> torch.Generator | None:
    """The process's generator for a device; None where torch has none that we know of."""
    if device.type == "cpu":
        return torch.default_generator
    if device.type == "cuda" and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return torch.cuda.default_generators[device.index or 0]
    return None

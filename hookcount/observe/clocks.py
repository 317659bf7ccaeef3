"""The clocks of a timed run: that of the host, or the events of an accelerator's stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import torch

from ..core.errors import InputError, error_text
from .compiler import uncompiled

EVENTS = ("cuda", "xpu", "mps")
"""The devices that work behind the host, and whose events torch can time."""


class Clock(Protocol):
    """Marks points of a run, and gives their times after it."""

    @property
    def mark(self) -> Callable[[], Any]:
        """Marks this point of the run. It is no function that the compiler would compile."""

    def settle(self) -> None:
        """Wait until all work that was begun is done."""

    def read(self, marks: Sequence[Any]) -> list[int]:
        """The times of marks in nanoseconds. To be called after ``settle``."""

    @property
    def one_device(self) -> bool:
        """Whether marks can be taken: all work is on one device."""


def now() -> int:
    """Nanoseconds of the host's clock."""
    return time.perf_counter_ns()


class HostClock:
    """The clock of work that is done when a call returns."""

    one_device = True

    def __init__(self) -> None:
        self.mark = time.perf_counter_ns

    def settle(self) -> None:
        """Nothing is under way."""

    def read(self, marks: Sequence[int]) -> list[int]:
        return list(marks)


class DeviceClock:
    """Events in the stream of an accelerator. They are read once, after the run.

    ``devices`` are all accelerators that the model uses. Events of several cannot be compared.
    """

    def __init__(self, devices: Sequence[torch.device]) -> None:
        self._devices = devices
        self._torch = getattr(torch, devices[0].type)
        self._made: list[Any] = []
        self._used = 0
        self._last: Any = None
        """The event that was read last, and its time."""
        self._at = 0

    @property
    def one_device(self) -> bool:
        return len(self._devices) == 1

    def settle(self) -> None:
        """Wait for the accelerators."""
        if self._devices[0].type == "mps":
            self._torch.synchronize()
            return
        for each in self._devices:
            self._torch.synchronize(each)

    @uncompiled
    def mark(self) -> Any:
        """An event, recorded in the stream that the model's device uses now."""
        if self._used == len(self._made):
            self._made.append(self._torch.Event(enable_timing=True))
        event = self._made[self._used]
        self._used += 1
        device = self._devices[0]
        if device.type != "mps" and device.index not in (None, self._torch.current_device()):
            event.record(self._torch.current_stream(device))
        else:
            event.record()
        return event

    def read(self, marks: Sequence[Any]) -> list[int]:
        """Nanoseconds since the first event of this clock. The events can then be used again."""
        self._used = 0
        if not marks:
            return []
        first = marks[0] if self._last is None else self._last
        times = [
            self._at + (0 if each is first else round(1e6 * first.elapsed_time(each)))
            for each in marks
        ]
        self._last, self._at = marks[-1], times[-1]
        self._made = [each for each in self._made if each is not self._last]
        return times


def clock_of(tensors: Iterable[torch.Tensor]) -> Clock:
    """The clock for a model with these tensors.

    Raises ``InputError`` if a tensor is on the meta device, which computes nothing.
    """
    devices = dict.fromkeys(each.device for each in tensors)
    if any(each.type == "meta" for each in devices):
        raise InputError(
            error_text(
                "a timed run",
                "a tensor of the model or of its inputs is on the meta device, which computes "
                "nothing",
                "build the model and its inputs on the device to measure",
            )
        )
    first = next((each.type for each in devices if each.type in EVENTS), None)
    if first is None:
        return HostClock()
    return DeviceClock([each for each in devices if each.type == first])

"""Times of several works, taken in turns, so that whatever else the machine does falls on all of them alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

ENOUGH_SECONDS = 60.0
ENOUGH_ROUNDS = 3


@dataclass(frozen=True)
class Times:
    """Seconds of each work, round by round."""

    seconds: Mapping[str, tuple[float, ...]]

    def median(self, work: str) -> float:
        return statistics.median(self.seconds[work])

    def ratio(self, work: str, to: str) -> float:
        """The median over rounds of the ratio within a round: a machine that slows down meanwhile slows both."""
        return statistics.median(
            a / b for a, b in zip(self.seconds[work], self.seconds[to], strict=True)
        )


def in_turns(works: Mapping[str, Callable[[], object]], rounds: int) -> Times:
    """A, B, C, A, B, C ...: one turn that warms the caches and is not kept, then ``rounds``.

    Works that take long end after ``ENOUGH_SECONDS``, if ``ENOUGH_ROUNDS`` are done by then.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    began = time.perf_counter()
    for turn in range(rounds + 1):
        gc.collect()
        for name, work in works.items():
            start = time.perf_counter()
            work()
            if turn:
                seconds[name].append(time.perf_counter() - start)
        if turn >= ENOUGH_ROUNDS and time.perf_counter() - began > ENOUGH_SECONDS:
            break
    return Times({name: tuple(each) for name, each in seconds.items()})

"""Times of several works that take turns.

Other load on the machine then slows all of them alike.
"""

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
        """The median over the rounds of the ratio within a round.

        A machine that slows down during a round slows both.
        """
        return statistics.median(
            a / b for a, b in zip(self.seconds[work], self.seconds[to], strict=True)
        )


def in_turns(works: Mapping[str, Callable[[], object]], rounds: int) -> Times:
    """Time the works in turns: A, B, C, A, B, C ...

    The first turn warms the caches and is not kept. ``rounds`` turns follow. After
    ``ENOUGH_SECONDS`` no further turn begins, if ``ENOUGH_ROUNDS`` are done.
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

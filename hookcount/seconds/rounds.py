"""The order of the runs: a warm-up, then plain runs and runs with modules by turns."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..core.errors import said
from ..observe.clocks import now
from ..observe.timed_run import Run

AGREE = 0.05
"""Two medians agree if they differ by at most this share."""
_BLOCK = 3
"""How many runs each of the two medians takes."""
_WARM_UP_SECONDS = 3.0
"""After these the warm-up ends in any case."""


@dataclass(frozen=True)
class Rounds:
    """Nanoseconds of all runs. ``hooked`` are those of the runs with modules."""

    warm_up: tuple[int, ...]
    plain: tuple[int, ...]
    hooked: tuple[Run, ...]
    failed: str = ""
    """Why there are no runs with modules, where one raised."""

    @property
    def settled(self) -> bool:
        """Whether the last two medians of the warm-up agree, as far as there are two."""
        return len(self.warm_up) < 2 * _BLOCK or agree(self.warm_up)


def rounds(
    run: Callable[[bool], Run], warmup: int, repeat: int, min_seconds: float, modules: bool
) -> Rounds:
    """Run a forward as often as is asked for. ``run`` takes whether to note the modules.

    Raises what a plain run raises. After a run with modules that raised there are no more of them.
    """
    warm_up = _warmed_up(run, warmup)
    plain: list[int] = []
    hooked: list[Run] = []
    failed = ""
    began = now()
    while len(plain) < repeat or now() - began < 1e9 * min_seconds:
        plain.append(run(False).nanoseconds)
        if modules and not failed:
            try:
                hooked.append(run(True))
            except Exception as error:
                hooked, failed = [], said(error)
    return Rounds(tuple(warm_up), tuple(plain), tuple(hooked), failed)


def _warmed_up(run: Callable[[bool], Run], most: int) -> list[int]:
    """At most ``most`` plain runs. They end earlier once two medians agree."""
    times: list[int] = []
    began = now()
    while len(times) < most:
        times.append(run(False).nanoseconds)
        if agree(times) or now() - began >= 1e9 * _WARM_UP_SECONDS:
            break
    return times


def agree(times: Sequence[int]) -> bool:
    """Whether the median of the last runs is that of the runs before them."""
    if len(times) < 2 * _BLOCK:
        return False
    last = statistics.median(times[-_BLOCK:])
    before = statistics.median(times[-2 * _BLOCK : -_BLOCK])
    return abs(last - before) <= AGREE * max(last, before)

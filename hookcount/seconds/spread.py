"""``Spread``: how far the times of equal runs lie apart."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """The least and the largest of several times, and the quartiles between. All are seconds."""

    min: float
    lower_quartile: float
    median: float
    upper_quartile: float
    max: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Spread:
        """The spread of at least one time. Quartiles lie between the nearest times."""
        if len(seconds) == 1:
            return cls(*5 * (seconds[0],))
        lower, middle, upper = statistics.quantiles(seconds, n=4, method="inclusive")
        return cls(min(seconds), lower, middle, upper, max(seconds))

    @property
    def relative(self) -> float:
        """The distance of the quartiles over the median. Half of all times lie within it."""
        return (self.upper_quartile - self.lower_quartile) / self.median if self.median else 0.0


def overhead_of(hooked: Sequence[float], plain: Sequence[float]) -> float:
    """The median of the runs with modules over that of the plain runs."""
    middle = statistics.median(plain)
    return statistics.median(hooked) / middle if middle else 1.0

"""``Statistics``: the mean, the deviation, the extremes and the median of some figures."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass

NAMES = ("mean", "std", "min", "max", "median")
"""The names of the statistics, in the order of the tables."""


@dataclass(frozen=True)
class Statistics:
    """Statistics of a figure over the items of a data set.

    ``std`` is the standard deviation of these items: the squares are divided by their number, as
    numpy does it.

    >>> Statistics.of([1, 2, 3, 6])
    Statistics(mean=3.0, std=1.8708286933869707, min=1, max=6, median=2.5)
    """

    mean: float
    std: float
    min: float
    max: float
    median: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> Statistics:
        """The statistics of at least one figure. Ints of any size are summed exactly."""
        return cls(
            mean=float(statistics.mean(figures)),
            std=float(statistics.pstdev(figures)),
            min=min(figures),
            max=max(figures),
            median=statistics.median(figures),
        )

    def to_dict(self) -> dict[str, float]:
        """The five figures by name."""
        return asdict(self)

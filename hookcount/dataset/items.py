"""``Item``: the figures of one item of a data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..report import Report


@dataclass(frozen=True)
class Item:
    """One item of a data set, counted and perhaps timed."""

    index: int
    """The place of the item in the data set, from 0."""
    inputs: str
    """The shapes of the input's tensors, as text."""
    report: Report
    """The count. Items with equal inputs share one report."""
    seconds: float | None = None
    """Median seconds of a forward. None if the item was not timed."""
    samples_per_second: float | None = None
    """Samples a second: forwards a second, times the size of the batch."""
    module_seconds: Mapping[str, float] = field(default_factory=dict, repr=False)
    """By path, the seconds of a module with all beneath. Empty if the item was not timed."""

    @property
    def fps(self) -> float | None:
        """Forwards a second. None if the item was not timed."""
        return None if self.seconds is None else 1 / self.seconds

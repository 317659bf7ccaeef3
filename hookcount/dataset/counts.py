"""The counts of several inputs, each distinct input counted once."""

from __future__ import annotations

from collections.abc import Callable

from ..observe.distinct import input_key
from ..observe.values import Key
from ..report import Report

Args = tuple[object, ...]
Kwargs = dict[str, object]


class Counts:
    """The counts so far, by input."""

    def __init__(self, count: Callable[[Args, Kwargs], Report]) -> None:
        self._count = count
        self._known: dict[Key, Report] = {}
        self._real: dict[Key | None, Report] = {}
        """The last count of a real run by input. Other values may give another count."""

    def of(self, args: Args, kwargs: Kwargs) -> Report:
        """The count of an input."""
        key = input_key(args, kwargs)
        if key is not None and key in self._known:
            return self._known[key]
        report = self._count(args, kwargs)
        if key is not None and report.run == "shapes":
            self._known[key] = report
            return report
        before = self._real.get(key)
        if before is not None and before.priced.trace == report.priced.trace:
            return before  # one trace serves both
        self._real[key] = report
        return report

"""The counts of several inputs, each distinct input counted once."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable

from torch import nn

from ..core.trace import Trace
from ..observe.distinct import input_key
from ..observe.model_state import state_key
from ..observe.values import Key
from ..report import Report

Args = tuple[object, ...]
Kwargs = dict[str, object]
AT_MOST = 1000
"""The most inputs whose counts are kept."""
COMPARED = 16
"""A new count is compared with so many before it. Equal counts are one report."""


class Counts:
    """The counts so far, by input and by the state of the model."""

    def __init__(self, model: nn.Module, count: Callable[[Args, Kwargs], Report]) -> None:
        self._model = model
        self._count = count
        self._known: OrderedDict[Key, Report] = OrderedDict()
        self._last: deque[Report] = deque(maxlen=COMPARED)

    def of(self, args: Args, kwargs: Kwargs) -> Report:
        """The count of an input. A count that ran for real is made anew for each input."""
        found = input_key(args, kwargs)
        key = None if found is None else (found, state_key(self._model))
        if key is not None and key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        report = self._shared(self._count(args, kwargs))
        if key is not None and report.run == "shapes":
            self._known[key] = report
            if len(self._known) > AT_MOST:
                self._known.popitem(last=False)
        return report

    def _shared(self, report: Report) -> Report:
        """The report of an equal trace, if there is one: one trace serves both."""
        for each in self._last:
            if _same(each.priced.trace, report.priced.trace):
                return each
        self._last.append(report)
        return report


def _same(one: Trace, other: Trace) -> bool:
    """Whether the same ran. How much was known from before is not compared."""
    return (
        one.runs == other.runs
        and one.outside == other.outside
        and one.outside_whole == other.outside_whole
        and one.places == other.places
    )

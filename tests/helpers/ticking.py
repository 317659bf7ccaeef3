"""Time that passes only where a test says so."""

import types

from torch import nn

_time = [0]
"""Out of reach of a model, since a run puts back what is in reach."""


class Ticking:
    """A clock in nanoseconds, in the place of the module ``time``."""

    def perf_counter_ns(self):
        return _time[0]

    def pass_(self, nanoseconds):
        _time[0] += nanoseconds


def ticking(monkeypatch):
    """Replace the clock of timed runs by one that stands still."""
    _time[0] = 0
    clock = Ticking()
    fake = types.SimpleNamespace(perf_counter_ns=clock.perf_counter_ns)
    monkeypatch.setattr("hookcount.observe.clocks.time", fake)
    return clock


class Takes(nn.Module):
    """Takes some nanoseconds before its children run, and some after them."""

    def __init__(self, clock, before, after=0, **children):
        super().__init__()
        self.clock, self.before, self.after = clock, before, after
        for name, child in children.items():
            setattr(self, name, child)

    def forward(self, x):
        self.clock.pass_(self.before)
        for child in self.children():
            x = child(x)
        self.clock.pass_(self.after)
        return x

"""``kind`` adds a kind of state to the table: a factory, and the MACs of its model written out."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

MACS = 2 * 4 * 4
"""Of one call of the layer of ``Does``: two rows, four inputs, four outputs."""
KINDS = {}
"""All kinds, by name."""


class Does(nn.Module):
    """Runs its layer once, does ``step``, and runs the layer as often as ``step`` says.

    ``step`` returns something that it reads from the state, a length for example. So a state that a
    failed try left changes the count. With ``asks`` the forward ends with an op that needs values,
    and ``run="auto"`` enters it three times.
    """

    def __init__(self, step, **held):
        super().__init__()
        self.lin = nn.Linear(4, 4, bias=False)
        self.asks = False
        for name, value in held.items():
            setattr(self, name, value)
        self.step = step

    def forward(self, x, *args, **kwargs):
        y = self.lin(x)
        times = self.step(self, y, *args, **kwargs)
        for _ in range(1 if times is None else times):
            y = self.lin(y)
        if self.asks:
            y.nonzero()
        return y


@dataclass
class Sample:
    """A model, its arguments, and what else to look at."""

    model: nn.Module
    args: tuple = ()
    kwargs: dict = field(default_factory=dict)
    look: tuple = ()
    undo: Callable[[], object] = lambda: None
    """Puts settings of the process back that the forward leaves changed."""


@dataclass(frozen=True)
class Kind:
    """A row of the table."""

    name: str
    make: Callable[[], Sample]
    macs: int
    leaves_nothing: bool = False
    """A plain forward leaves everything as it was, too."""
    shapes_may_fail: bool = False
    """A shapes-only run may raise the model's own error: its code reads a tensor's memory."""
    own_thread: bool = False
    """It is tried in a thread of its own, since what it leaves of the thread cannot be undone."""
    marks: tuple = ()


def kind(name, times=1, *, macs=None, **options):
    """Add the decorated factory. ``times``: how often the layer runs after the step."""

    def add(make):
        assert name not in KINDS, name
        KINDS[name] = Kind(name, make, MACS * (1 + times) if macs is None else macs, **options)
        return make

    return add


def x():
    """The first argument of ``Does``."""
    return torch.randn(2, 4)


def given(name, step, make, times=1, **options):
    """A kind whose step changes what ``make()`` gives, which is the second argument."""
    kind(name, times, **options)(lambda: Sample(Does(step), (x(), make())))


def holds(name, step, make, times=1, **options):
    """A kind whose step changes what ``make()`` gives, which the model holds as ``c``."""

    def made():
        model = Does(lambda m, y: step(m, y, m.c))
        model.c = make()
        return Sample(model, (x(),))

    kind(name, times, **options)(made)


def both(name, step, make, times=1, **options):
    """Two kinds: the thing is an argument, and the model holds it."""
    given(f"argument: {name}", step, make, times, **options)
    holds(f"held: {name}", step, make, times, **options)

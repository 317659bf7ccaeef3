"""An exception comes out of a count as it is, and everything is as before the count."""

import random

import numpy
import pytest
import torch
from helpers.snapshot import snapshot
from helpers.surroundings import random_state, surroundings
from torch import nn

import hookcount

RUNS = ("shapes", "real", "auto")


class Ours(BaseException):
    """No ``Exception``."""


class Wordless(Exception):
    """Has no text."""

    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


TYPES = (
    ValueError, RuntimeError, KeyboardInterrupt, SystemExit, GeneratorExit, StopIteration,
    MemoryError, Ours, torch.OutOfMemoryError, Wordless,
)  # fmt: skip
assert len(TYPES) == 10


class Raises:
    """Raises the error at one place. Kept out of the model: a count may copy what that holds."""

    place, error = None, None

    @classmethod
    def at(cls, place):
        if cls.place == place:
            raise cls.error


class Sub(torch.Tensor):
    """A tensor subclass whose function protocol raises for ``tanh``."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func is torch.tanh:
            Raises.at("in __torch_function__")
        return super().__torch_function__(func, types, args, kwargs or {})


class Child(nn.Module):
    """Has a norm in train mode, and a history."""

    def __init__(self):
        super().__init__()
        self.lin, self.norm, self.seen = nn.Linear(4, 4, bias=False), nn.BatchNorm1d(4), []

    def forward(self, x):
        y = self.norm(self.lin(x))
        self.seen.append(y)
        Raises.at("in a child")
        return y


class Model(nn.Module):
    """Changes what it can, and meets all places."""

    def __init__(self):
        super().__init__()
        self.lin, self.child, self.drop = nn.Linear(4, 4, bias=False), Child(), nn.Dropout()
        self.register_buffer("steps", torch.zeros(2))
        self.child.register_forward_pre_hook(lambda *_: Raises.at("in a pre-hook"))
        self.child.register_forward_hook(lambda *_: Raises.at("in a forward hook"))

    @property
    def level(self):
        Raises.at("in a property")
        return 1

    def forward(self, x, batch, sub):
        Raises.at("before any op")
        self.steps.add_(1)
        batch["history"].append(self.drop(self.lin(x)))
        random.random(), numpy.random.rand()
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
        Raises.at("after ops")
        y = self.child(x) * self.level
        torch.tanh(sub)
        return y


PLACES = (
    "before any op", "after ops", "in a child", "in a pre-hook", "in a forward hook",
    "in a property", "in __torch_function__", "in a formula",
)  # fmt: skip
ROWS = [
    pytest.param(place, run, marks=() if (index + turn) % 3 == 0 else pytest.mark.slow)
    for index, place in enumerate(PLACES)
    for turn, run in enumerate(RUNS)
]
"""Each place in each run. The quick suite takes one run for each place, in turn."""
MACS = 2 * (3 * 4 * 4)
"""Two layers, three rows."""


def with_formula():
    """Formulas of a test, one of which meets a place."""
    registry = hookcount.Registry()

    def norm(module, x, *, out):
        Raises.at("in a formula")
        return hookcount.Ops()

    registry.register(nn.BatchNorm1d, norm)
    return registry


def new_error(kind):
    return kind() if kind is Wordless else kind("on purpose")


def notes(error):
    return [each for each in getattr(error, "__notes__", ()) if "hookcount" in each]


@pytest.fixture(autouse=True)
def settings_of_a_test():
    yield
    Raises.place = None
    torch.set_default_dtype(torch.float32)
    torch.set_grad_enabled(True)


@pytest.mark.parametrize(("place", "run"), ROWS)
def test_an_exception_leaves_everything_as_it_was(place, run):
    problems = []
    for kind in TYPES:
        model, counter = Model(), hookcount.Counter(with_formula(), run=run)
        batch = {"history": [], "other": 1}
        args = (torch.randn(3, 4), batch, torch.zeros(2).as_subclass(Sub))
        before, settings = snapshot(model=model, args=args), surroundings()
        state, Raises.place, Raises.error = random_state(), place, new_error(kind)
        try:
            counter.count(model, *args)
            problems.append(f"{kind.__name__}: nothing was raised")
        except BaseException as error:
            problems += [f"{kind.__name__}: {each}" for each in wrong(error, place)]
        Raises.place = None
        found = before.differences(snapshot(model=model, args=args))
        now = surroundings() | random_state()
        found += [name for name, value in (settings | state).items() if now[name] != value]
        problems += [f"{kind.__name__}: {each}" for each in found]
        torch.set_default_dtype(torch.float32)
        torch.set_grad_enabled(True)
        try:
            macs = counter.count(model, *args).macs
        except Exception as error:
            macs = type(error)
        if macs != MACS:
            problems.append(f"{kind.__name__}: the next count is {macs}")
    assert not problems, "\n".join(problems)


def wrong(error, place):
    """What is wrong with the exception that came out."""
    ours = Raises.error
    if place == "in a formula" and isinstance(ours, Exception):
        if not isinstance(error, hookcount.FormulaError) or error.__cause__ is not ours:
            yield f"came out as {type(error).__name__}, from {type(error.__cause__).__name__}"
    elif error is not ours:
        yield f"came out as {type(error).__name__}"
    elif isinstance(error, Exception) and hasattr(error, "add_note") and not notes(error):
        yield "has no note"


def test_the_model_changes_all_this():
    """The test above is worth something only if a plain forward leaves traces."""
    model, batch = Model(), {"history": []}
    args = (torch.randn(3, 4), batch, torch.zeros(2).as_subclass(Sub))
    before, settings = snapshot(model=model, args=args), surroundings()
    state = random_state()
    model(*args)
    found = " ".join(before.differences(snapshot(model=model, args=args)))
    now = surroundings() | random_state()
    for each in ("steps", "seen", "history", "running_mean"):
        assert each in found
    differ = {name for name, value in (settings | state).items() if now[name] != value}
    assert differ == {
        "grad mode", "default dtype", "torch's generator", "Python's generator",
        "numpy's generator",
    }  # fmt: skip


def test_places_are_all_met():
    for place in PLACES[:-1]:
        Raises.place, Raises.error = place, Ours()
        with pytest.raises(Ours):
            Model()(torch.randn(3, 4), {"history": []}, torch.zeros(2).as_subclass(Sub))
        torch.set_default_dtype(torch.float32)
        torch.set_grad_enabled(True)

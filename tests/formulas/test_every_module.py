"""Every module class that torch.nn exports is priced, free or declared observed, so that a new
torch cannot slip one in.
"""

import importlib
import pkgutil

import pytest
import torch
from torch import nn

from hookcount.formulas import BUILTIN
from hookcount.rules.registry import FREE, OBSERVED
from hookcount.rules.resolver import Resolver

NOT_A_LAYER = {  # bases without a forward of their own: a subclass must say what it does
    "torch.nn.modules.module.Module",
    "torch.nn.modules.rnn.RNNBase",
    "torch.nn.modules.rnn.RNNCellBase",
}


def exported():
    found = {}
    for package in (nn, nn.modules, nn.utils.parametrizations, nn.utils.parametrize):
        for name in dir(package):
            thing = getattr(package, name)
            if (
                isinstance(thing, type)
                and issubclass(thing, nn.Module)
                and thing.__module__.startswith("torch.nn.")
            ):
                found[f"{thing.__module__}.{thing.__qualname__}"] = thing
    for file in pkgutil.iter_modules(nn.modules.__path__):
        module = importlib.import_module(f"torch.nn.modules.{file.name}")
        for thing in vars(module).values():
            if (
                isinstance(thing, type)
                and issubclass(thing, nn.Module)
                and thing.__module__ == module.__name__
            ):
                found[f"{thing.__module__}.{thing.__qualname__}"] = thing
    return {
        name: cls
        for name, cls in sorted(found.items())
        if name not in NOT_A_LAYER and not cls.__name__.startswith("_")
    }


@pytest.mark.parametrize("name", exported())
def test_class_is_in_one_of_the_three_states(name):
    cls = exported()[name]
    if issubclass(cls, nn.modules.lazy.LazyModuleMixin) and cls.cls_to_become is not None:
        cls = cls.cls_to_become  # it becomes this class in the forward that gives it its shape
    if cls is nn.modules.lazy.LazyModuleMixin or "forward" not in dir(cls):
        return
    entry = Resolver(BUILTIN).module(object.__new__(cls))
    assert entry is not None, f"{name}: no formula, not FREE, not OBSERVED"
    assert callable(entry.price) or entry.price in (FREE, OBSERVED)


def test_the_walk_sees_the_whole_of_torch_nn():
    classes = exported()
    assert len(classes) > 150
    assert {nn.Linear, nn.LSTM, nn.Conv3d, nn.AdaptiveLogSoftmaxWithLoss, nn.CrossMapLRN2d} <= set(
        classes.values()
    )


def test_the_walk_fails_on_a_class_that_nobody_declared(monkeypatch):
    class Brandnew(nn.Module):
        def forward(self, x):
            return x

    Brandnew.__module__ = "torch.nn.modules.linear"
    monkeypatch.setattr(torch.nn, "Brandnew", Brandnew, raising=False)
    (name,) = [name for name, cls in exported().items() if cls is Brandnew]
    with pytest.raises(AssertionError, match="no formula, not FREE, not OBSERVED"):
        test_class_is_in_one_of_the_three_states(name)


@pytest.mark.parametrize("entry", list(BUILTIN))
def test_every_shipped_formula_says_what_it_counts(entry):
    price = BUILTIN.get(entry).price
    if callable(price):
        assert price.__doc__, f"{entry}: {price.__name__} has no docstring"
        assert "=" in price.__doc__.splitlines()[0], (
            f"{entry}: {price.__name__} does not open with its shape equation"
        )

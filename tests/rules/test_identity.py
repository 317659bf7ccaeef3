"""A class is itself, not its name. A string is a name."""

import copy
import gc
import pickle
import sys
import textwrap
import types
import weakref

import pytest
import torch
from torch import nn

import hookcount
from hookcount import FREE, OBSERVED, Ops, RegistrationError, Registry

X = torch.zeros(4, 8)


def factory(factor):
    """Each call gives another class of one and the same name."""

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(8, 8))

        def forward(self, x):
            return x @ self.weight * factor

    return Layer


def reading(factor):
    """Layers whose forward needs values."""

    class Reads(nn.Module):
        def forward(self, x):
            return x * x.sum().item() * factor

    return Reads


MACS = 4 * 8 * 8


def count(registry, model):
    return hookcount.Counter(registry).count(model, X)


def test_a_formula_of_one_class_is_none_of_another_with_its_name():
    one, other = factory(1), factory(2)
    registry = Registry()
    registry.register(one, FREE)
    assert one in registry
    assert other not in registry
    assert count(registry, one()).total == Ops()
    assert count(registry, other()).total == Ops(macs=MACS, muls=4 * 8)
    registry.register(other, lambda module, x: Ops(adds=3))
    assert count(registry, nn.Sequential(one(), other(), one())).total == Ops(adds=3)
    registry.unregister(one)
    assert count(registry, nn.Sequential(one(), other())).total == Ops(
        macs=MACS, muls=4 * 8, adds=3
    )


def test_of_two_classes_with_a_name_the_later_is_taken_away_first():
    one, other = factory(1), factory(2)
    registry = Registry()
    registry.register(one, FREE)
    registry.register(other, OBSERVED)
    (name, same) = registry
    assert name == same
    assert registry.get(name).price is OBSERVED
    registry.unregister(name)
    assert registry.get(name).price is FREE
    registry.unregister(name)
    assert name not in registry


def test_a_subclass_inherits_the_formula_of_its_base_and_of_no_class_called_so():
    one, other = factory(1), factory(2)

    class Below(other):
        pass

    registry = Registry()
    registry.register(one, FREE)
    assert count(registry, Below()).macs == MACS
    registry.register(other, lambda module, x: Ops(macs=7))
    assert count(registry, Below()).macs == 7


def test_a_name_is_that_of_each_class_which_has_it():
    one, other = factory(1), factory(2)
    registry = Registry()
    registry.register(f"{one.__module__}.{one.__qualname__}", lambda module, x: Ops(macs=5))
    assert count(registry, nn.Sequential(one(), other())).macs == 10
    registry.register(other, lambda module, x: Ops(macs=9))  # the class itself answers first
    assert count(registry, nn.Sequential(one(), other())).macs == 5 + 9


def test_a_class_of_a_module_and_its_name_are_one_target():
    registry, name = Registry(), f"{__name__}.{Imported.__qualname__}"
    registry.register(name, FREE)
    with pytest.raises(RegistrationError, match="already"):
        registry.register(Imported, FREE)
    registry.replace(Imported, OBSERVED)
    assert registry.get(name).price is OBSERVED
    assert list(registry) == [name]
    registry.unregister(Imported)
    registry.register(Imported, FREE)
    assert registry.get(name).price is FREE
    registry.unregister(name)
    assert Imported not in registry


class Imported(nn.Module):
    def forward(self, x):
        return x


CELL = """
    from torch import nn
    import hookcount

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(8, 8))

        def forward(self, x):
            return x @ self.weight

    @hookcount.register(Block)
    def block(module, x):
        return hookcount.Ops(macs=FIGURE)

    @hookcount.register_fake(Block)
    def fake(module, x):
        return x
"""


@pytest.fixture
def notebook(monkeypatch):
    made = types.ModuleType("a_notebook")
    made.torch = torch
    monkeypatch.setitem(sys.modules, "a_notebook", made)
    return vars(made)


def run_cell(notebook, figure):
    exec(textwrap.dedent(CELL).replace("FIGURE", str(figure)), notebook)


def test_a_cell_with_a_class_and_its_formula_can_run_twice(notebook, user_registrations):
    run_cell(notebook, 11)
    before = notebook["Block"]()
    assert hookcount.count(before, X).macs == 11
    run_cell(notebook, 22)
    after = notebook["Block"]()
    assert hookcount.count(after, X).macs == 22
    assert hookcount.count(nn.Sequential(before, after), X).macs == 33
    assert pickle.loads(pickle.dumps(hookcount.count(before, X))).macs == 11


def test_the_entry_of_a_class_ends_with_the_class():
    registry, made = Registry(), factory(1)
    registry.register(made, FREE)
    registry.register_fake(made, abs)
    gone = weakref.ref(made)
    del made
    gc.collect()
    assert gone() is None
    assert len(registry) == 0


def test_a_fake_of_one_class_is_none_of_another_with_its_name():
    one, other = reading(1), reading(2)
    registry = Registry()
    registry.register_fake(one, lambda module, x: x * 2.0)
    counter = hookcount.Counter(registry, run="shapes")
    assert counter.count(one(), X).total == Ops(muls=4 * 8)
    with pytest.raises(hookcount.DataNeededError):
        counter.count(other(), X)
    registry.register_fake(other, lambda module, x: x + 2.0)
    assert counter.count(other(), X).total == Ops(adds=4 * 8)
    assert counter.count(one(), X).total == Ops(muls=4 * 8)


COPIES = [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))]


@pytest.mark.parametrize("copied", COPIES)
def test_a_copied_report_tells_classes_of_one_name_apart(copied):
    one, other = factory(1), factory(2)
    registry = Registry()
    registry.register(one, lambda module, x: Ops(macs=3))
    registry.register(other, lambda module, x: Ops(macs=5))
    made = copied(count(registry, nn.Sequential(one(), other(), one())))
    assert made.macs == 3 + 5 + 3
    assert made.under("torch").under("default").macs == 3 + 5 + 3
    assert made.coverage().macs_of_modules == 3 + 5 + 3


def sevens(module, x):
    return Ops(macs=7)


@pytest.mark.parametrize("copied", COPIES)
def test_a_copied_registry_knows_the_classes_of_modules(copied):
    registry = Registry(name="mine")
    registry.register(Imported, sevens)
    registry.register(factory(1), FREE)
    made = copied(registry)
    assert count(made, Imported()).macs == 7
    made.replace(Imported, FREE)
    assert registry.get(f"{__name__}.Imported").price is sevens

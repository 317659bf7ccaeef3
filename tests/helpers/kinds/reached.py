"""State that a forward reaches in other ways than through attributes and containers."""

import weakref
from collections import OrderedDict, deque
from typing import ClassVar

import numpy
import torch
from torch import nn

from .making import Does, Sample, both, kind, x
from .objects import Plain


def grows(items):
    """Adds to a container. Returns how often the layer then runs."""
    items.append(1)
    return len(items)


def of_class(name, make):
    """A kind whose class, made by ``make``, keeps a list that its step adds to."""

    @kind(f"class: {name}")
    def made():
        cls, items = make()
        return Sample(cls(lambda m, y: m.grow()), (x(),), look=(items,))


def _default():
    items = []

    class Model(Does):
        def grow(self, items=items):
            return grows(items)

    return Model, items


def _static():
    items = []

    class Model(Does):
        @staticmethod
        def grow(items=items):
            return grows(items)

    return Model, items


def _of_method():
    class Model(Does):
        def grow(self):
            return grows(Model.grow.items)

    Model.grow.items = []
    return Model, Model.grow.items


def _inner_class():
    class Model(Does):
        class State:
            items: ClassVar = []

        def grow(self):
            return grows(self.State.items)

    return Model, Model.State.items


def _metaclass():
    class Meta(type):
        items: ClassVar = []

    class Model(Does, metaclass=Meta):
        def grow(self):
            return grows(type(type(self)).items)

    return Model, Meta.items


of_class("default of a method", _default)
of_class("default of a static method", _static)
of_class("attribute of a method", _of_method)
of_class("class in a class", _inner_class)
of_class("metaclass", _metaclass)


@kind("held: class")
def _held_class():
    class State:
        items: ClassVar = []

    model = Does(lambda m, y: grows(m.c.items))
    model.c = State
    return Sample(model, (x(),), look=(State.items,))


def container(base, add):
    """A kind whose model is a module and a built-in container too."""

    @kind(f"module: it is a {base.__name__} too")
    def made():
        class Model(Does, base):
            __hash__ = nn.Module.__hash__

        return Sample(Model(lambda m, y: add(m) or len(m)), (x(),))


container(dict, lambda m: dict.__setitem__(m, len(m), 1))
container(OrderedDict, lambda m: OrderedDict.__setitem__(m, len(m), 1))
container(list, lambda m: list.append(m, 1))
container(deque, lambda m: deque.append(m, 1))
container(set, lambda m: set.add(m, len(m)))


@kind("module: slots")
def _module_slots():
    class Model(Does):
        __slots__ = ("items",)

    model = Model(lambda m, y: grows(m.items))
    model.items = []
    return Sample(model, (x(),), look=(model.items,))


def weakly(name, refer, read):
    """A kind whose model reaches a list through a weak reference to its owner."""

    @kind(f"held: {name}")
    def made():
        owner = Plain(items=[])
        model = Does(lambda m, y: grows(read(m.c).items))
        model.__dict__["c"] = refer(owner)
        return Sample(model, (x(),), look=(owner,))


weakly("weakref.ref", weakref.ref, lambda c: c())
weakly("weakref.proxy", weakref.proxy, lambda c: c)


@kind("held: weakref.proxy of the parent")
def _parent():
    """A child knows its parent. A proxy of a module passes for a module."""

    class Child(nn.Linear):
        def forward(self, y):
            return super().forward(y) * grows(self.parent.items)

    model = Does(lambda m, y: m.child(y) is None)
    model.items, model.child = [], Child(4, 4, bias=False)
    vars(model.child)["parent"] = weakref.proxy(model)
    return Sample(model, (x(),))


both(
    "distribution",
    lambda m, y, c: setattr(c, "loc", c.loc + y) or 1,
    lambda: torch.distributions.Normal(torch.zeros(2, 4), torch.ones(2, 4)),
)


def _subset():
    class Counts(torch.utils.data.Dataset):
        n = 0

        def __getitem__(self, index):
            self.n += 1
            return self.n

    return torch.utils.data.Subset(Counts(), [0, 1])


both("dataset in a Subset", lambda m, y, c: c[0], _subset)


class Named(numpy.ndarray):
    """An array with attributes."""


def _named():
    made = numpy.zeros(3).view(Named)
    made.items = []
    return made


def _locks(m, y, c):
    c[:] = 7
    c.flags.writeable = False
    return 1


both("numpy array that is made read-only", _locks, lambda: numpy.zeros(3))
both(
    "numpy array with another dtype",
    lambda m, y, c: setattr(c, "dtype", numpy.int16) or len(c) // 6,
    lambda: numpy.zeros(3, dtype=numpy.float32),
)
both("numpy array with attributes", lambda m, y, c: grows(c.items), _named)


def _eye(layout):
    return torch.eye(4) + 1 if layout is None else (torch.eye(4) + 1).to_sparse(layout=layout)


for layout in (*(torch.sparse_coo, torch.sparse_csr, torch.sparse_csc),):
    name = str(layout).removeprefix("torch.")
    both(f"{name}: zero_", lambda m, y, c: c.zero_() is None, lambda layout=layout: _eye(layout), 0)
both(
    "sparse_coo: values in place",
    lambda m, y, c: c._values().add_(1) is None,
    lambda: _eye(torch.sparse_coo),
    0,
)
both(
    "sparse_coo: emptied",
    lambda m, y, c: c.sparse_resize_and_clear_((3, 3), 2, 0) is None,
    lambda: _eye(torch.sparse_coo),
    0,
)
both(
    "storage: written",
    lambda m, y, c: c.__setitem__(0, 7),
    lambda: torch.zeros(3).untyped_storage(),
)
both(
    "storage of a tensor: filled",
    lambda m, y, c: c.untyped_storage().fill_(1) is None,
    lambda: torch.ones(3),
    0,
)

"""Substitutes for classes that cannot be imported."""

import inspect
from abc import abstractmethod
from typing import Generic, TypeVar

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hookcount.core import classes
from hookcount.rules.binding import parameters_of_target
from hookcount.rules.targets import same_forward, target_name

T = TypeVar("T")


def substitute(cls):
    return classes.class_of(*classes.facts(cls))


class Known(nn.Module):
    def forward(self, x):
        return x


def test_a_class_that_can_be_imported_is_itself():
    assert substitute(Known) is Known
    assert substitute(nn.Linear) is nn.Linear


def test_the_signature_of_forward_stays():
    class Local(nn.Linear):
        heads = 3

        def forward(self, x, *more, scale=2, mode: str = "a", **others):
            return x

    made = substitute(Local)
    assert made is not Local
    assert target_name(made) == target_name(Local)
    assert parameters_of_target(made) == parameters_of_target(Local)
    assert issubclass(made, nn.Linear)
    assert not same_forward(made, nn.Linear)
    assert made.heads == 3


def test_an_inherited_forward_stays_inherited():
    class Local(nn.Linear):
        pass

    class Below(Local):
        pass

    made = substitute(Below)
    assert same_forward(made, nn.Linear)
    assert issubclass(made, nn.Linear)


def test_static_and_unreadable_forwards():
    class Static(nn.Module):
        @staticmethod
        def forward(x, y=1):
            return x

    class Builtin(nn.Module):
        forward = staticmethod(torch.add)

    for each in (Static, Builtin):
        made = substitute(each)
        assert parameters_of_target(made) == parameters_of_target(each)


def test_generic_and_abstract_classes():
    class Local(nn.Module, Generic[T]):
        @abstractmethod
        def step(self):
            pass

        def forward(self, x):
            return x

    made = substitute(Local)
    assert issubclass(made, nn.Module)
    assert list(inspect.signature(made.forward).parameters) == ["self", "x"]


def test_functions():
    assert classes.place_of(lambda: 0) is None
    for function in (F.relu, torch.relu, F.gelu, substitute):
        place = classes.place_of(function)
        assert place is None or classes.function_of(*place) is function
    assert repr(classes.function_of("no_such_module", "f")) == "<f>"


def test_a_name_that_means_something_else_there():
    facts = classes.facts(Known)._replace(module="collections", name="OrderedDict")
    assert issubclass(classes.class_of(*facts), nn.Module)


@pytest.mark.parametrize("name", ["no_such_package.inner", "hookcount.no_such"])
def test_a_module_that_cannot_be_imported(name):
    made = classes.class_of(*classes.facts(Known)._replace(module=name))
    assert (made.__module__, made.__name__) == (name, "Known")

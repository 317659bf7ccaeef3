"""The key of an input: equal inputs have equal keys, and what changes a count changes the key."""

import dataclasses
import enum
import functools
import random
import threading
from collections import UserDict, defaultdict, deque

import numpy
import pytest
import torch
from torch import nn

from hookcount.observe.distinct import input_key


class Kind(enum.Enum):
    ONE = 1
    TWO = 2


@dataclasses.dataclass
class Pair:
    tensors: torch.Tensor
    mask: torch.Tensor


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


def key(*args, **kwargs):
    return input_key(args, kwargs)


def mask(*values):
    return torch.tensor(values, dtype=torch.bool)


EQUAL = [
    (torch.zeros(2, 3), torch.ones(2, 3)),
    (mask(1, 0), mask(1, 0)),
    (torch.tensor([1, 2]), torch.tensor([1, 2])),
    ([torch.zeros(2), 3], [torch.ones(2), 3]),
    ({"a": torch.zeros(2)}, {"a": torch.ones(2)}),
    (UserDict(a=torch.zeros(2)), UserDict(a=torch.ones(2))),
    (Pair(torch.zeros(2), mask(1)), Pair(torch.ones(2), mask(1))),
    (float("nan"), float("nan")),
    ({1, 2}, {2, 1}),
    (numpy.array([1.0]), numpy.array([1.0])),
    (Kind.ONE, Kind.ONE),
]
OTHER = [
    (torch.zeros(2, 3), torch.zeros(3, 2)),
    (torch.zeros(2, 3), torch.zeros(3, 2).T),
    (torch.zeros(2), torch.zeros(2, dtype=torch.float64)),
    (torch.zeros(2), torch.zeros(2, device="meta")),
    (torch.zeros(2), torch.zeros(2, requires_grad=True)),
    (mask(1, 0), mask(0, 1)),
    (torch.tensor([1, 2]), torch.tensor([1, 3])),
    (1, True),
    (1, 1.0),
    (0.0, -0.0),
    ([1], (1,)),
    (None, 0),
    ({"a": 1}, {"b": 1}),
    ({"a": 1}, UserDict(a=1)),
    (Pair(torch.zeros(2), mask(1)), Pair(torch.zeros(2), mask(0))),
    (numpy.array([1.0]), numpy.array([2.0])),
    (numpy.int64(1), numpy.int64(2)),
    (Kind.ONE, Kind.TWO),
    (torch.float32, torch.float64),
]


@pytest.mark.parametrize(("one", "two"), EQUAL)
def test_equal_inputs(one, two):
    assert key(one) is not None
    assert key(one) == key(two)
    assert key(x=one) == key(x=two)
    assert hash(key(one)) == hash(key(two))


@pytest.mark.parametrize(("one", "two"), OTHER)
def test_other_inputs(one, two):
    assert None not in (key(one), key(two))
    assert key(one) != key(two)
    assert key(x=one) != key(one)


def test_one_tensor_twice_is_not_two_tensors():
    one, two = torch.zeros(2), torch.zeros(2)
    assert key(one, one) != key(one, two)
    assert key(two, two) == key(one, one)


def test_a_container_in_itself():
    def knot():
        made = [torch.zeros(2)]
        made.append(made)
        return made

    assert key(knot()) == key(knot())


@pytest.mark.parametrize(
    "value",
    [
        nn.Linear(2, 2),
        threading.Lock(),
        (each for each in ()),
        Slotted(1),
        torch.zeros(2, 2).to_sparse(),
        torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)], layout=torch.jagged),
        iter([1]),
    ],
)
def test_no_key(value):
    assert key(value) is None
    assert key([value]) is None


def test_large_integers_are_data():
    one = torch.zeros(2**21 + 1, dtype=torch.uint8)
    assert key(one) == key(one + 1)


def test_a_container_that_raises_has_no_key():
    class Raises(dict):
        def items(self):
            raise RuntimeError("no items")

    assert key(Raises(a=1)) is None


class Listed(list):
    __slots__ = ("more",)


def _attributed(value):
    tensor = torch.zeros(2)
    tensor.more = value
    return tensor


@pytest.mark.parametrize(
    "value",
    [
        functools.partial(int, 1),
        random.Random(1),
        defaultdict(int),
        Listed([1]),
        _attributed(1),
        deque([1]),
    ],
)
def test_a_state_that_is_in_no_attribute_has_no_key(value):
    assert key(value) is None

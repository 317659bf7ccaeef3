"""What counts as work that comes later, and what does not."""

import functools
import itertools
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from hookcount.observe.contents import Contents, later

X = torch.ones(2)
LAYER = nn.Linear(2, 2)


def generator():
    yield X


async def coroutine():
    return X


async def async_generator():
    yield X


class Steps:
    def __iter__(self):
        return self

    def __next__(self):
        return X


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (generator(), "a generator"),
        (async_generator(), "an async generator"),
        (map(LAYER, [X]), "a map object"),
        (filter(None, [X]), "a filter object"),
        (zip(generator(), [1], strict=False), "a generator"),
        (itertools.chain(generator()), "a generator"),
        (itertools.starmap(LAYER, [(X,)]), "a starmap object"),
        (functools.partial(LAYER, X), "a functools.partial"),
        (LAYER.forward, "a bound method of a module"),
        (Steps(), "an iterator (Steps)"),
        (torch.futures.Future(), "a future that is not done"),
    ],
)
def test_an_object_that_still_computes_is_named(value, name):
    assert later(value) == name


def test_a_coroutine_and_a_closure_compute_later():
    waiting, held = coroutine(), X
    assert later(waiting) == "a coroutine"
    waiting.close()
    assert later(waiting) == ""
    assert later(lambda: held * 2) == "a lambda"


@pytest.mark.parametrize(
    "value",
    [
        iter([X]),
        zip([X], [1], strict=True),
        enumerate([X]),
        {"a": X}.items(),
        torch.relu,
        len,
        lambda x: x,
        functools.partial(sorted, reverse=True),
        X,
        LAYER,
    ],
)
def test_an_object_that_only_holds_results_is_not_named(value):
    assert later(value) == ""


def test_what_has_run_to_its_end_is_not_named():
    steps, mapped = generator(), map(str, [1])
    list(steps)
    list(mapped)
    assert later(steps) == later(mapped) == ""


def test_contents_are_found_in_nested_objects():
    @dataclass
    class Holder:
        items: object

    class Slots:
        __slots__ = ("value",)

    slots, steps = Slots(), generator()
    slots.value = [X]
    found = Contents()
    found.add({"a": (Holder([steps, slots]),)})
    assert found.tensors[0] is X
    assert found.later == [steps]

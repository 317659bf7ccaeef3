"""What is kept of an object that is neither plain data nor a module."""

import threading
import weakref

import pytest
import torch
from torch import nn

from hookcount.core.outline import Outline, contained, outlined


class Thing:
    pass


def test_plain_attributes_are_kept():
    thing = Thing()
    thing.width, thing.names, thing.lock = 8, {"a": (1, 2)}, threading.Lock()
    thing.model, thing.inner = nn.Linear(2, 2), Thing()
    thing.inner.depth = 3
    found = outlined(thing)
    assert (found.width, found.names, found.inner.depth) == (8, {"a": (1, 2)}, 3)
    assert (repr(found), repr(found.lock), repr(found.model)) == ("<Thing>", "<lock>", "<Linear>")


def test_a_missing_attribute_is_an_error_that_says_why():
    with pytest.raises(AttributeError, match="'width' of Thing is not here: a pickled report"):
        outlined(Thing()).width  # noqa: B018


def test_a_graph_of_objects_ends():
    first = Thing()
    first.next, first.by = Thing(), {}
    first.next.next, first.by[first] = first, first
    found = outlined(first)
    assert repr(found.next.next) == "<Thing>"
    assert len(found.by) == 1


def test_long_containers_and_dead_proxies():
    thing = Thing()
    proxy = weakref.proxy(thing)
    del thing
    assert repr(outlined(proxy)).startswith("<")
    assert repr(contained(list(range(1_001)), outlined)) == "<list>"
    assert contained([torch.float32, (1, {2})], outlined) == [torch.float32, (1, {2})]
    endless: list[object] = []
    endless.append(endless)
    contained(endless, outlined)


def test_an_outline_of_nothing():
    assert vars(Outline("a")) == {"<type>": "a"}

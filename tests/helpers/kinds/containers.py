"""Containers that a forward changes: as an argument, or held by the model."""

import array
import collections
import io
import itertools
import operator
import queue
import types
import weakref
from typing import NamedTuple

import torch

from .making import Does, Sample, both, given, kind, x


class Tagged(list):
    """A list with an attribute."""

    def __init__(self, *items):
        super().__init__(items)
        self.tag = "before"
        self.seen = []


class Counting(dict):
    """A dict whose own ``__setitem__`` counts, and which has an attribute."""

    writes = 0

    def __setitem__(self, key, value):
        self.writes += 1
        super().__setitem__(key, value)


class TensorDict(collections.abc.MutableMapping):
    """A mapping that holds its tensors in a private dict, as ``tensordict`` does."""

    __slots__ = ("_batch_size", "_locked", "_source")

    def __init__(self, **source):
        self._source, self._batch_size, self._locked = source, torch.Size([2]), False

    def __getitem__(self, key):
        return self._source[key]

    def __setitem__(self, key, value):
        self._source[key] = value

    def __delitem__(self, key):
        del self._source[key]

    def __iter__(self):
        return iter(self._source)

    def __len__(self):
        return len(self._source)


class Pair(NamedTuple):
    """A named tuple of two lists."""

    keys: list
    values: list


def do(*calls):
    """A step that makes the calls on the container and returns its length."""

    def step(m, y, c):
        for call in calls:
            call(c, y)
        return len(c)

    return step


both("list.append", do(lambda c, y: c.append(y)), list)
both("list.append to a list with items", do(lambda c, y: c.append(y)), lambda: [1, x()], 3)
both("list.insert", do(lambda c, y: c.insert(0, y)), lambda: [1], 2)
both("list.extend", do(lambda c, y: c.extend([y, y])), list, 2)
both(
    "list += and *=",
    do(lambda c, y: operator.iadd(c, [y]), lambda c, y: operator.imul(c, 2)),
    lambda: [1],
    4,
)
both("list.pop", do(lambda c, y: c.pop()), lambda: [1, x(), 3], 2)
both("list.remove", do(lambda c, y: c.remove(2)), lambda: [1, 2, 3, 2], 3)
both("list.clear", do(lambda c, y: c.append(y), lambda c, y: c.clear()), lambda: [1, 2], 0)
both("list.sort", lambda m, y, c: c.sort() or c[1], lambda: [3, 1, 2], 2)
both("list.reverse", lambda m, y, c: c.reverse() or c[0], lambda: [1, 2, 3], 3)
both("list, one item replaced", lambda m, y, c: c.__setitem__(0, c[0] + 1) or c[0], lambda: [1], 2)
both("list, a slice deleted", do(lambda c, y: c.__delitem__(slice(0, 2))), lambda: [1, 2, 3], 1)
both("dict, a new key", do(lambda c, y: c.__setitem__("y", y)), lambda: {"x": 1}, 2)
both(
    "dict.pop with a default",
    lambda m, y, c: 1 if c.pop("mask", None) is None else 3,
    lambda: {"mask": x(), "x": 1},
    3,
)
both("dict.popitem", do(lambda c, y: c.popitem()), lambda: {"a": 1, "b": x()}, 1)
both("dict.setdefault", lambda m, y, c: c.setdefault("n", len(c) + 1), dict, 1)
both(
    "dict.setdefault of a list",
    lambda m, y, c: c.setdefault("n", []).append(y) or len(c["n"]),
    dict,
    1,
)
both("dict.update", do(lambda c, y: c.update(x=2, y=y)), lambda: {"x": 1}, 2)
both("dict.clear", do(lambda c, y: c.clear()), lambda: {"x": x()}, 0)
both(
    "dict, a key moved to the end",
    lambda m, y, c: c.update(a=c.pop("a")) or list(c.values())[-1],
    lambda: {"a": 3, "b": 1},
    3,
)
both(
    "dict of lists in a list",
    lambda m, y, c: c[1]["deep"].append(y) or len(c[1]["deep"]),
    lambda: [0, {"deep": [1]}],
    2,
)
both("dict with a tensor as key", do(lambda c, y: c.__setitem__(y, 1)), lambda: {x(): 1}, 2)
both(
    "deque with maxlen",
    lambda m, y, c: c.append(3) or c[0],
    lambda: collections.deque([1, 2], maxlen=2),
    2,
)
both("deque.rotate", lambda m, y, c: c.rotate(1) or c[0], lambda: collections.deque([1, 2, 3]), 3)
both("deque.popleft", do(lambda c, y: c.popleft()), lambda: collections.deque([1, x(), 3]), 2)
both("set.add", do(lambda c, y: c.add(y)), lambda: {1}, 2)
both("set.discard", do(lambda c, y: c.discard(1)), lambda: {1, 2}, 1)
both(
    "defaultdict",
    lambda m, y, c: c["y"].append(y) or len(c["y"]),
    lambda: collections.defaultdict(list, x=[1]),
    1,
)
both(
    "defaultdict, read only",
    lambda m, y, c: [c["new"], len(c)][1],
    lambda: collections.defaultdict(int, x=1),
    2,
)
both("Counter", lambda m, y, c: c.update("ab") or c["a"], lambda: collections.Counter("a"), 2)
both(
    "OrderedDict.move_to_end",
    lambda m, y, c: c.move_to_end("a") or next(reversed(c.values())),
    lambda: collections.OrderedDict(a=3, b=1),
    3,
)
both(
    "ChainMap",
    do(lambda c, y: c.__setitem__("y", y), lambda c, y: c.maps.append({"z": 1})),
    lambda: collections.ChainMap({}, {"x": 1}),
    3,
)
both("bytearray", do(lambda c, y: c.extend(b"xy")), lambda: bytearray(b"a"), 3)
both("array.array", do(lambda c, y: c.append(2)), lambda: array.array("i", [1]), 2)
both(
    "memoryview",
    lambda m, y, c: c.__setitem__(0, c[0] + 1) or c[0],
    lambda: memoryview(bytearray([1, 1])),
    2,
)
both("UserDict", do(lambda c, y: c.update(y=y)), lambda: collections.UserDict(x=1), 2)
both("UserList", do(lambda c, y: c.append(y)), lambda: collections.UserList([1]), 2)
both("subclass of list, its items", do(lambda c, y: c.append(y)), lambda: Tagged(1), 2)
both(
    "subclass of list, its attributes",
    lambda m, y, c: setattr(c, "tag", "after") or c.seen.append(y) or len(c.seen),
    Tagged,
)
both(
    "subclass of dict that counts writes",
    lambda m, y, c: c.__setitem__("y", y) or c.writes,
    Counting,
)
both("a mapping like TensorDict", do(lambda c, y: c.update(y=y)), lambda: TensorDict(x=x()), 2)
both("a mapping like TensorDict, pop", do(lambda c, y: c.pop("x")), lambda: TensorDict(x=x()), 0)
both("named tuple of lists", lambda m, y, c: c.keys.append(y) or len(c.keys), lambda: Pair([], []))
both(
    "list in a tuple in a dict",
    lambda m, y, c: c["a"][1].append(y) or len(c["a"][1]),
    lambda: {"a": (1, [2])},
    2,
)
both(
    "mappingproxy of a dict with a list",
    lambda m, y, c: c["a"].append(y) or len(c["a"]),
    lambda: types.MappingProxyType({"a": []}),
)
both("queue.Queue", lambda m, y, c: c.put(y) or c.qsize(), queue.Queue)
both("BytesIO", lambda m, y, c: c.write(b"abc"), lambda: io.BytesIO(b""), 3)
both("iterator of a list", lambda m, y, c: next(c), lambda: iter([2, 3, 4, 5, 6, 7, 8, 9]), 2)
both("itertools.count", lambda m, y, c: next(c), lambda: itertools.count(1), 1)
both("itertools.cycle", lambda m, y, c: next(c), lambda: itertools.cycle([1, 2, 3]), 1)
both("enumerate of a list", lambda m, y, c: 1 + next(c)[0], lambda: enumerate(["a"] * 20), 1)
both("cyclic list", lambda m, y, c: c[0].append(y) or len(c), lambda: cyclic([]), 2)
both("cyclic dict", lambda m, y, c: c["self"].update(y=y) or len(c), lambda: cyclic_dict(), 2)
both(
    "twelve levels deep",
    lambda m, y, c: deepest(c).append(y) or len(deepest(c)),
    lambda: nested(12),
    2,
)
both(
    "twelve hundred levels deep",
    lambda m, y, c: deepest(c).append(y) or len(deepest(c)),
    lambda: nested(1200),
    2,
)
both(
    "list of a hundred lists",
    lambda m, y, c: [each.append(y) for each in c] and len(c[99]),
    lambda: [[] for _ in range(100)],
    1,
)
both(
    "WeakKeyDictionary", lambda m, y, c: c.__setitem__(m, 2) or len(c), weakref.WeakKeyDictionary, 1
)


def cyclic(items):
    """A list that holds itself."""
    items.append(items)
    return items


def cyclic_dict():
    """A dict that holds itself."""
    made = {}
    made["self"] = made
    return made


def nested(levels):
    """A list with one item, in a list, in a list ..."""
    made = [0]
    for _ in range(levels):
        made = [made]
    return made


def deepest(c):
    """The innermost list of ``nested``."""
    while isinstance(c[0], list):
        c = c[0]
    return c


@kind("argument: a keyword argument's dict", 2)
def keyword():
    model = Does(lambda m, y, *, batch: batch.update(y=y) or len(batch))
    return Sample(model, (x(),), {"batch": {"x": 1}})


@kind("argument: lists in **kwargs", 1)
def keywords():
    model = Does(lambda m, y, **more: more["cache"].append(y) or len(more["cache"]))
    return Sample(model, (x(),), {"cache": [], "other": 1})


@kind("argument: the same list twice", 2)
def twice():
    same = []
    model = Does(lambda m, y, one, other: one.append(y) or other.append(y) or len(one))
    return Sample(model, (x(), same, same))


@kind("argument: the same list twice, deep", 2)
def twice_deep():
    same = []
    model = Does(lambda m, y, one, other: one[0].append(y) or other["a"].append(y) or len(one[0]))
    return Sample(model, (x(), [same], {"a": same}))


@kind("argument: a list that the model holds too", 2)
def given_and_held():
    shared = [1]
    model = Does(lambda m, y, c: m.c.append(y) or (len(c) if c is m.c else 7), c=shared)
    return Sample(model, (x(), shared))


@kind("argument: a dict that holds the model", 2)
def holds_the_model():
    model = Does(lambda m, y, c: c["model"].c.append(y) or len(m.c), c=[1])
    return Sample(model, (x(), {"model": model}))


given(
    "argument: a view of a dict",
    lambda m, y, c: len(c),
    lambda: {"a": 1}.values(),
    1,
    leaves_nothing=True,
)


@kind("argument: a view of a dict that the model holds", 2)
def view_of_held():
    held = {"a": 1}
    model = Does(lambda m, y, c: m.c.update(b=y) or len(c), c=held)
    return Sample(model, (x(), held.values()))


@kind("argument: a generator is left alone", 2)
def generator():
    model = Does(lambda m, y, c: m.c.append(y) or len(m.c), c=[1])
    return Sample(model, (x(), (each for each in [3, 4])))


@kind("held: a list held twice, and in a tuple", 3)
def held_twice():
    same = []
    model = Does(
        lambda m, y: m.a.append(y) or m.b.append(y) or m.t[1].append(y) or len(m.a),
        a=same,
        b=same,
        t=(0, same),
    )
    return Sample(model, (x(),))

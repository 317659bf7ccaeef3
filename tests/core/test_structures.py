"""A structure keeps its class and its attributes."""

import collections
import dataclasses
import types

import pytest
import torch
from torch import nn

import hookcount
from hookcount import Ops, Registry
from hookcount.core.structures import changed
from hookcount.core.trace import leaves, sizes


class Pair(collections.namedtuple("Pair", "left right")):
    @property
    def both(self):
        return self.left, self.right


class Fields(collections.OrderedDict):
    """As the outputs of transformers: each item is an attribute too, and None is none of them."""

    def __init__(self, **items):
        super().__init__({name: item for name, item in items.items() if item is not None})
        self.__dict__.update(items)

    def __setitem__(self, name, item):
        super().__setitem__(name, item)
        super().__setattr__(name, item)

    def update(self, *args, **kwargs):
        raise TypeError("not for users")


class Box(dict):
    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Encoding(collections.UserDict):
    def __init__(self, data, length):
        super().__init__(data)
        self.length = length

    def __getattr__(self, name):
        if name == "data":
            raise AttributeError(name)
        return self.data[name]


class Row(list):
    def __init__(self, items, name):
        super().__init__(items)
        self.name = name


class Tagged(tuple):
    def __new__(cls, items, tag):
        made = super().__new__(cls, items)
        made.tag = tag
        return made


class Other(collections.abc.Mapping):
    def __getitem__(self, name):
        return {"a": 1}[name]

    def __iter__(self):
        return iter("a")

    def __len__(self):
        return 1


def test_items_change_and_class_and_attributes_stay():
    def tenfold(value):
        made = changed(value, tenfold)
        return made if made is not NotImplemented else value * 10

    pair = tenfold(Pair(1, [2]))
    assert (type(pair), pair, pair.both) == (Pair, (10, [20]), (10, [20]))
    fields = changed(Fields(a=1, b=None), lambda item: item and item * 10)
    assert (type(fields), dict(fields), fields.a, fields.b) == (Fields, {"a": 10}, 10, None)
    box = tenfold(Box(a=1))
    assert (type(box), box.a) == (Box, 10)
    encoding = tenfold(Encoding({"ids": 3}, 5))
    assert (type(encoding), encoding.ids, encoding.length) == (Encoding, 30, 50)
    row = tenfold(Row([1, 2], 7))
    assert (type(row), row, row.name) == (Row, [10, 20], 70)
    tagged = tenfold(Tagged((1, 2), 7))
    assert (type(tagged), tagged, tagged.tag) == (Tagged, (10, 20), 70)
    space = tenfold(types.SimpleNamespace(a=1, b=(2,)))
    assert space == types.SimpleNamespace(a=10, b=(20,))
    assert tenfold(collections.defaultdict(int, a=1)) == {"a": 10}
    assert tenfold(Other()) == {"a": 10}
    assert changed(3, tenfold) is NotImplemented


@dataclasses.dataclass
class Plain:
    logits: torch.Tensor
    note: str = "a note"


@dataclasses.dataclass(slots=True)
class Slots:
    logits: torch.Tensor
    note: str = "a note"


X = torch.zeros(2, 3)
OUTPUTS = {
    "fields": (lambda x: Fields(logits=x, loss=None), lambda out: (out.logits, out["logits"])),
    "fields of none": (lambda x: Fields(logits=x, loss=None), lambda out: (out.logits, out.loss)),
    "box": (lambda x: Box(logits=x), lambda out: (out.logits, out["logits"])),
    "encoding": (lambda x: Encoding({"logits": x}, 3), lambda out: (out.logits, out.length)),
    "row": (lambda x: Row([x], "name"), lambda out: (out[0], out.name)),
    "tagged": (lambda x: Tagged((x,), "tag"), lambda out: (out[0], out.tag)),
    "pair": (lambda x: Pair(x, [x]), lambda out: (out.left, out.both[1][0])),
    "maximum": (lambda x: torch.max(x.expand(4, 2, 3), 0), lambda out: (out.values, out.indices)),
    "plain": (Plain, lambda out: (out.logits, out.note)),
    "slots": (Slots, lambda out: (out.logits, out.note)),
    "default": (
        lambda x: collections.defaultdict(list, logits=x),
        lambda out: (out["logits"], len(out)),
    ),
}
READ = {
    "fields of none": None,
    "encoding": 3,
    "row": "name",
    "tagged": "tag",
    "plain": "a note",
    "slots": "a note",
    "default": 1,
}


class Gives(nn.Module):
    def __init__(self, make):
        super().__init__()
        self.make = make

    def forward(self, x):
        return self.make(x)


class Takes(nn.Module):
    def forward(self, given):
        return X


class Both(nn.Module):
    def __init__(self, make):
        super().__init__()
        self.gives, self.takes = Gives(make), Takes()

    def forward(self, x):
        return self.takes(self.gives(x))


@pytest.mark.parametrize("run", ["shapes", "real"])
@pytest.mark.parametrize("name", OUTPUTS)
def test_a_formula_gets_the_structure_that_the_module_gave_or_took(name, run):
    make, read = OUTPUTS[name]
    found = []
    registry = Registry()
    registry.register(Gives, lambda module, x, *, out: found.append(read(out)) or Ops(macs=1))
    registry.register(Takes, lambda module, given: found.append(read(given)) or Ops(macs=1))
    assert hookcount.Counter(registry, run=run).count(Both(make), X).macs == 2
    assert found == [(X.shape, READ.get(name, X.shape))] * 2


def test_calls_that_differ_only_in_the_class_of_a_structure_are_told_apart():
    found = []
    registry = Registry()
    registry.register(Takes, lambda module, given: found.append(type(given)) or Ops(macs=1))
    counter = hookcount.Counter(registry)
    for made in ({"logits": X}, Box(logits=X), Fields(logits=X), {"logits": X}):
        counter.count(Takes(), made)
    assert found == [dict, Box, Fields]


def test_calls_that_differ_only_in_an_attribute_are_told_apart():
    registry = Registry()
    registry.register(Takes, lambda module, given: Ops(macs=len(given.name)))
    counter = hookcount.Counter(registry)
    assert [counter.count(Takes(), Row([X], name)).macs for name in ("a", "bcd", "a")] == [1, 3, 1]


def test_each_tensor_is_a_leaf_once():
    call = hookcount.count(Gives(lambda x: Fields(logits=x, rest=(x, x))), X).tree.distinct[0]
    assert [each.shape for each in leaves(call.out)] == [X.shape] * 3
    assert sizes(call.out).rest == (X.shape, X.shape)

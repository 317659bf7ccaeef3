"""The pickler of results: what becomes of each sort of object."""

import collections
import enum
import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hookcount.core.outline import Outline
from hookcount.core.portable import Portable


class Holder(Portable):
    def __init__(self, held):
        self.held = held


def carried(value):
    return pickle.loads(pickle.dumps(Holder(value))).held


class Number(int):
    pass


class Text(str):
    __slots__ = ()


class Level(enum.IntEnum):
    LOW = 1


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (Number(3), 3),
        (Text("a"), "a"),
        (Level.LOW, 1),
        (np.float64(0.5), 0.5),
        (np.int32(3), 3),
        (collections.defaultdict(lambda: 0, a=1), {"a": 1}),
        (torch.return_types.max((torch.Size([1]), 2)), (torch.Size([1]), 2)),
        (torch.channels_last, torch.channels_last),
        (torch.float8_e4m3fn, torch.float8_e4m3fn),
        (..., ...),
        (F.relu, F.relu),
        (torch.relu, torch.relu),
        (F.gelu, F.gelu),
        (nn.Linear, nn.Linear),
        (torch.ops.aten.mm.default, torch.ops.aten.mm.default),
        (torch.ops.aten.mm, torch.ops.aten.mm),
        (torch.ops.higher_order.cond, torch.ops.higher_order.cond),
    ],
)
def test_values(given, expected):
    found = carried(given)
    assert found == expected
    assert type(found) is type(expected)


def test_tensors_are_on_meta():
    found = carried([torch.zeros(2, 3), nn.Parameter(torch.zeros(4, dtype=torch.float16))])
    assert [each.shape for each in found] == [(2, 3), (4,)]
    assert [each.device.type for each in found] == ["meta", "meta"]
    assert isinstance(found[1], nn.Parameter)
    assert found[1].dtype == torch.float16


def test_named_tuples_of_local_classes_keep_their_names():
    made = collections.namedtuple("Made", "y z")
    made.__qualname__ = "here.<locals>.Made"
    found = carried(made(1, 2))
    assert (found.y, found.z, type(found).__name__) == (1, 2, "Made")


def test_a_module_in_itself():
    model = nn.Sequential(nn.Linear(2, 2))
    model.own = [model]
    found = carried(model)
    assert found.own[0] is found
    assert found[0].out_features == 2
    assert found[0]._forward_hooks == {}


def test_frozen_results_are_shared_by_deep_copies():
    held = Holder([1])
    import copy

    assert copy.deepcopy(held) is held
    shallow = copy.copy(held)
    assert shallow is not held
    assert shallow.held is held.held


def test_other_objects_are_outlined():
    assert isinstance(carried(lambda: 0), Outline)
    assert isinstance(carried(iter([1])), Outline)

"""Calls on nested tensors, as one call for each sequence."""

from collections import namedtuple
from types import SimpleNamespace

import torch

from hookcount.core.nested import sequences
from hookcount.core.trace import Call, Spec

Pair = namedtuple("Pair", "first second")


def spec(shape, *parts):
    sizes = tuple(map(torch.Size, parts))
    return Spec(torch.Size(shape), torch.float32, 4, True, parts=sizes)


def test_a_call_on_dense_tensors_has_no_sequences():
    assert sequences(Call("op", (spec((2, 3)),), {}, spec((2, 3)))) == []


def test_each_sequence_has_a_call_of_its_own():
    nested, weight = spec((3, 5, 8), (5, 8), (2, 8), (5, 8)), spec((4, 8))
    made = spec((3, 5, 4), (5, 4), (2, 4), (5, 4))
    found = sequences(Call("op", (nested, weight, 7), {"bias": None}, made))
    shapes = [
        (call.args[0].shape, call.args[1].shape, call.args[2], call.kwargs, call.out.shape, times)
        for call, times in found
    ]
    assert shapes == [
        ((1, 5, 8), (4, 8), 7, {"bias": None}, (1, 5, 4), 2),
        ((1, 2, 8), (4, 8), 7, {"bias": None}, (1, 2, 4), 1),
    ]
    assert not any(call.args[0].parts or call.out.parts for call, _ in found)


def test_nested_tensors_in_containers():
    nested = spec((2, 5, 8), (5, 8), (2, 8))
    args = (Pair(nested, 1), [nested], {"x": nested}, SimpleNamespace(y=nested))
    (first, _), (second, _) = sequences(Call("op", args, {}, None))
    for call, length in ((first, 5), (second, 2)):
        pair, in_list, in_dict, named = call.args
        found = (pair.first, in_list[0], in_dict["x"], named.y)
        assert {each.shape for each in found} == {(1, length, 8)}
        assert type(pair) is Pair

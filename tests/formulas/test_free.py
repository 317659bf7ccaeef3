"""The ops listed as free: each exists, is priced as free, and does no arithmetic on its data."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode, flop_registry

import hookcount
from hookcount import FREE, Ops
from hookcount.core.release import RELEASE
from hookcount.formulas import BUILTIN
from hookcount.formulas.free import GROUPS
from hookcount.rules.resolver import Resolver

NAMES = [name for names in GROUPS.values() for name in names.split()]

SINCE = {"_philox_randint": (2, 15)}
"""The listed ops that torch 2.14 does not have, and the torch that brought them."""

POINTWISE = {
    "clone": "a copy",
    "masked_fill": "a selection by mask",
    "where": "a selection by mask",
    "bitwise_and": "integers",
    "bitwise_not": "integers",
    "bitwise_or": "integers",
    "bitwise_xor": "integers",
    "gcd": "integers",
    "lcm": "integers",
}
"""The listed ops that torch tags as functions of each element, and why each is free."""


def packet(name):
    found = getattr(torch.ops.aten, name, None)
    return found if isinstance(found, torch._ops.OpOverloadPacket) else None


def overloads(name):
    found = packet(name)
    return [] if found is None else [getattr(found, each) for each in found.overloads()]


@pytest.mark.skipif(RELEASE < (2, 14), reason="the list names ops of newer torch too")
def test_each_exists_or_is_explained():
    assert {name for name in NAMES if packet(name) is None} == {
        name for name, release in SINCE.items() if release > RELEASE
    }


def test_each_is_listed_once_and_priced_as_free():
    assert len(NAMES) == len(set(NAMES))
    resolver = Resolver(BUILTIN)
    for name in NAMES:
        assert BUILTIN.get(f"aten::{name}").price is FREE, name
        for op in overloads(name):
            entry, found = resolver.op(op)
            assert (entry.price, found) == (FREE, f"aten::{name}"), op


def test_none_is_an_op_that_torchs_own_counter_counts():
    counted = {str(op).removeprefix("aten.") for op in flop_registry}
    assert {"mm", "bmm", "convolution"} <= counted
    assert not counted & set(NAMES)


def test_those_that_torch_tags_as_functions_of_each_element_are_explained():
    tagged = {
        name for name in NAMES if any(torch.Tag.pointwise in op.tags for op in overloads(name))
    }
    assert tagged == set(POINTWISE)


def test_views_are_not_listed_and_an_underscore_is_written_only_for_a_view_in_place():
    for name in NAMES:
        found = overloads(name)
        assert not found or not all(op.is_view for op in found), name
        if name.endswith("_") and packet(name.removesuffix("_")) is not None:
            assert any(torch.Tag.inplace_view in op.tags for op in found), name


X = torch.rand(4, 4, 4) + 1
PLACES = torch.tensor([[0, 3], [2, 1]])

MOVES = {
    "aten::_to_copy": lambda: X.to(torch.float64),
    "aten::cat": lambda: torch.cat([X, X]),
    "aten::clone": lambda: X.clone(),
    "aten::constant_pad_nd": lambda: torch.constant_pad_nd(X, [1, 1]),
    "aten::diag_embed": lambda: torch.diag_embed(X),
    "aten::flip": lambda: X.flip(0),
    "aten::gather": lambda: X[0].gather(0, PLACES),
    "aten::index": lambda: X[PLACES],
    "aten::index_copy": lambda: X.index_copy(0, PLACES[0], X[:2]),
    "aten::index_fill": lambda: X.index_fill(0, PLACES[0], 0.0),
    "aten::index_select": lambda: X.index_select(0, PLACES[0]),
    "aten::masked_fill": lambda: X.masked_fill(X > 1.5, 0.0),
    "aten::masked_select": lambda: X.masked_select(X > 1.5),
    "aten::pixel_shuffle": lambda: torch.pixel_shuffle(X, 2),
    "aten::reflection_pad1d": lambda: torch.nn.functional.pad(X, [2, 2], "reflect"),
    "aten::repeat": lambda: X.repeat(2, 1, 1),
    "aten::replication_pad1d": lambda: torch.nn.functional.pad(X, [2, 2], "replicate"),
    "aten::roll": lambda: X.roll(1, 0),
    "aten::rot90": lambda: X.rot90(),
    "aten::select_scatter": lambda: X.select_scatter(X[0], 0, 1),
    "aten::slice_scatter": lambda: X.slice_scatter(X[:2], 0, 1, 3),
    "aten::stack": lambda: torch.stack([X, X]),
    "aten::take": lambda: X.take(PLACES),
    "aten::tril": lambda: X.tril(),
    "aten::triu": lambda: X.triu(),
    "aten::view_copy": lambda: torch.view_copy(X, [16, 4]),
    "aten::where": lambda: torch.where(X > 1.5, X, 0.0),
}


@pytest.mark.parametrize("name", MOVES)
def test_each_value_that_comes_out_is_zero_or_went_in(name):
    """And such a call costs nothing, also by torch's own counter."""
    made = MOVES[name]()
    assert set(made.double().flatten().tolist()) <= {0.0, *X.double().flatten().tolist()}
    with FlopCounterMode(display=False) as counter:
        MOVES[name]()
    assert counter.get_total_flops() == 0

    class Moves(torch.nn.Module):
        def forward(self):
            return MOVES[name]()

    makes_a_mask = 1.5 in MOVES[name].__code__.co_consts
    compared = Ops(compares=X.numel()) if makes_a_mask else Ops()
    assert hookcount.Counter(run="real").count(Moves()).total == compared


def test_an_op_in_place_is_free_by_its_functional_name():
    entry, name = Resolver(BUILTIN).op(torch.ops.aten.masked_fill_.Scalar)
    assert (entry.price, entry.target, name) == (FREE, "aten::masked_fill", "aten::masked_fill_")


def test_looking_up_and_asking_are_free():
    for target in ("aten::embedding", "prim::device", "profiler::_record_function_enter_new"):
        assert BUILTIN.get(target).price is FREE, target
    assert BUILTIN.get("aten::embedding").kind == "embedding"

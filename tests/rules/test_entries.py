"""One entry holds all that a layer says of a target: price, reach, kind, fake."""

import copy
import pickle

import pytest
import torch
from torch import nn

import hookcount
from hookcount import FREE, Ops, RegistrationError, Registry
from hookcount.formulas import BUILTIN
from hookcount.rules.resolver import Resolver


class Reads(nn.Module):
    """Its forward needs values, so shapes alone need a fake."""

    def forward(self, x):
        return x * x.sum().item()


def halved(module, x):
    return x * 2.0


def name_of(cls):
    return f"{cls.__module__}.{cls.__qualname__}"


def test_a_wildcard_fake_is_found_also_by_a_counter_that_has_looked_one_up():
    mine = Registry(name="mine")
    mine.register_fake("elsewhere.*", halved)
    counter = hookcount.Counter(mine, run="shapes")
    with pytest.raises(hookcount.HookcountError):  # looked up, and not found
        counter.count(Reads(), torch.zeros(3))
    mine.register_fake(f"{Reads.__module__}.Rea*", halved)
    assert counter.count(Reads(), torch.zeros(3)).total == Ops(muls=3)


def test_a_registry_laid_over_another_finds_what_is_registered_later():
    mine = Registry(name="mine")
    over = mine.over(BUILTIN)
    assert Resolver(over).module(Reads()) is None
    mine.register(Reads, FREE)
    mine.register_fake("*.Reads", halved)
    assert Resolver(over).module(Reads()).price is FREE
    assert over.fake(Reads) is halved
    mine.unregister(Reads)
    mine.unregister("*.Reads")
    assert Resolver(over).module(Reads()) is None
    assert over.fake(Reads) is None


def test_price_and_fake_of_a_target_are_one_entry():
    mine = Registry(name="mine")
    mine.register_fake(Reads, halved)
    assert mine.get(name_of(Reads)).price is None
    assert Resolver(mine).module(Reads()) is None  # a fake is no price
    mine.register(Reads, FREE, kind="activation")
    entry = mine.get(name_of(Reads))
    assert (entry.price, entry.fake, entry.kind, len(mine)) == (FREE, halved, "activation", 1)
    mine.replace(Reads, lambda out: Ops(muls=out.numel()))
    entry = mine.get(name_of(Reads))
    assert (entry.fake, entry.kind) == (halved, "activation")
    mine.unregister(Reads)
    assert (len(mine), mine.fake(Reads)) == (0, None)


def test_an_aspect_that_a_layer_does_not_give_is_left_to_the_layers_below():
    mine = Registry(BUILTIN, name="mine")
    mine.register(nn.Linear, lambda out: Ops(macs=out.numel()))
    mine.register("aten::mm", FREE)
    resolver = Resolver(mine)
    assert resolver.module(nn.Linear(2, 2)).layer == "mine"
    assert resolver.kind_of_module(nn.Linear(2, 2)) == "product"
    assert resolver.op(torch.ops.aten.mm.default)[0].price is FREE
    assert resolver.kind_of_op(torch.ops.aten.mm.default) == "product"
    mine.replace(nn.Linear, FREE, kind="embedding")
    assert Resolver(mine).kind_of_module(nn.Linear(2, 2)) == "embedding"


def test_replace_needs_a_price_and_register_none():
    mine = Registry(name="mine")
    mine.register_fake(Reads, halved)
    with pytest.raises(RegistrationError, match="is not registered in mine"):
        mine.replace(Reads, FREE)
    mine.register(Reads, FREE)
    with pytest.raises(RegistrationError, match="is registered in mine already"):
        mine.register(Reads, FREE)


def test_wrong_kinds_and_patterns_are_errors_that_say_what_is_right():
    mine = Registry(name="mine")
    with pytest.raises(RegistrationError, match=r"kind='conv' is unknown.*'convolution'"):
        mine.register(Reads, FREE, kind="conv")
    with pytest.raises(RegistrationError, match="a formula is for one target"):
        mine.register("mylib.*", FREE)


def test_every_formula_of_hookcount_has_a_kind():
    without = [
        name
        for name in BUILTIN
        if callable(BUILTIN.get(name).price) and BUILTIN.get(name).kind is None
    ]
    assert without == []


def doubled(out):
    return Ops(muls=2 * out.numel())


class Doubles(nn.Module):
    def forward(self, x):
        return x + x


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_a_registry_of_ones_own_can_be_copied_and_pickled(copied):
    below = Registry(name="below")
    below.register(Doubles, doubled)
    made = copied(Registry(below, name="above"))
    assert made is not below
    assert hookcount.Counter(made).count(Doubles(), torch.zeros(2, 3)).total == Ops(muls=12)
    made.base.unregister(Doubles)
    assert Doubles in below


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_a_report_under_a_convention_of_ones_own_can_be_copied_and_pickled(copied):
    mine = Registry()
    mine.register("aten::add", doubled)
    convention = hookcount.Convention("mine", weights={"muls": 1}, formulas=mine)
    report = hookcount.count(Doubles(), torch.zeros(2, 3)).under(convention)
    assert copied(report).headline == report.headline == 12


def test_a_fake_that_is_no_function_is_an_error():
    mine = Registry()
    with pytest.raises(RegistrationError, match=r"Doubles: 3 is no fake. To fix it: "):
        mine.register_fake(Doubles, 3)
    assert Doubles not in mine

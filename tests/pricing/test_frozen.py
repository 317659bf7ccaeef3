"""A registry with prices in place of the user's formulas."""

import pytest
from helpers.hard_to_pickle import X, local
from torch import nn

import hookcount
from hookcount import FREE, FormulaError, Ops, Registry
from hookcount.core.trace import Call
from hookcount.counter import USER
from hookcount.formulas import BUILTIN
from hookcount.pricing.frozen import KnownPrices, frozen


def layers_of(registry, model, *args):
    priced = hookcount.Counter(registry).count(model, *args).priced
    return list(frozen(priced.registry, priced.trace, priced.prices).layers())


def test_hookcounts_own_layers_stay_and_the_users_are_copied():
    mine = Registry(name="mine")
    mine.register(nn.Linear, lambda module, out: Ops(macs=3))
    mine.register("aten::relu", FREE)
    mine.register_fake("a.B", lambda module, x: x)
    first, user, last = layers_of(mine, *local())
    assert last is BUILTIN
    assert user is not USER
    assert (first.name, user.name) == ("mine", USER.name)
    entry = first.get("torch.nn.modules.linear.Linear")
    assert isinstance(entry.price, KnownPrices)
    assert set(entry.price.prices.values()) == {Ops(macs=3)}
    assert entry.source == mine.get(entry.target).source
    assert first.get("aten::relu").price is FREE
    assert first.get("a.B").fake is None


def test_a_formula_that_does_not_fit_a_subclass_does_no_harm():
    class Wide(nn.Linear):
        def forward(self, x):
            return super().forward(x).sum()

    mine = Registry()
    mine.register(nn.Linear, lambda module, out: Ops(macs=out[1]))
    first, *_ = layers_of(mine, Wide(8, 4), X)
    assert first.get("torch.nn.modules.linear.Linear").price.prices == {}


def test_a_call_without_a_known_price_is_an_error_that_says_why():
    formula = KnownPrices("file.py:3", {})
    call = Call(nn.Linear, (), {}, None, nn.Linear(1, 1))
    with pytest.raises(FormulaError, match=r"(?s)'a\.b'.*file\.py:3.*pickled.*To fix it: "):
        formula("a.b", call)


def test_a_class_by_the_path_that_users_know_is_found_by_its_real_name():
    mine = Registry()
    mine.register("torch.nn.Linear", lambda module, out: Ops(macs=3))
    first, *_ = layers_of(mine, nn.Linear(8, 4), X)
    assert "torch.nn.modules.linear.Linear" in first

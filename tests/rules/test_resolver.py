"""Which entry answers for a module or an op, by the options of a convention."""

import pytest
import torch
from torch import nn

from hookcount import FREE, OBSERVED, Ops, Registry
from hookcount.rules.resolver import Resolver

aten = torch.ops.aten


class Base(nn.Module):
    def forward(self, x):
        return x


class Kept(Base):
    """The forward of ``Base``."""


class Changed(Base):
    def forward(self, x):
        return x + 1


def price(out):
    return Ops(adds=1)


def other(out):
    return Ops(adds=2)


def registry(*targets, base=None, name="mine"):
    made = Registry(base, name=name)
    for target in targets:
        made.register(target, price)
    return made


def with_own_forward():
    made = Base()
    made.forward = lambda x: x
    return made


# -- modules ---------------------------------------------------------------------------------------

CASES = {
    "forward": (True, True, False, False),
    "mro": (True, True, True, True),
    "type": (True, False, False, True),
}
"""By ``matches``: is a formula for ``Base`` for ``Base``, ``Kept``, ``Changed``, an instance?"""


@pytest.mark.parametrize("matches", CASES)
def test_which_modules_a_formula_is_for(matches):
    resolver = Resolver(registry(Base), matches=matches)
    modules = Base(), Kept(), Changed(), with_own_forward()
    found = tuple(resolver.module(module) is not None for module in modules)
    assert found == CASES[matches]


@pytest.mark.parametrize("matches", CASES)
def test_which_modules_a_kind_is_for(matches):
    made = Registry()
    made.register(Base, price, kind="norm")
    resolver = Resolver(made, matches=matches)
    modules = Base(), Kept(), Changed(), with_own_forward()
    found = tuple(resolver.kind_of_module(module) == "norm" for module in modules)
    assert found == CASES[matches]


@pytest.mark.parametrize("matches", CASES)
def test_the_nearest_class_answers(matches):
    made = registry(Base)
    made.register(Kept, other)
    resolver = Resolver(made, matches=matches)
    assert resolver.module(Kept()).price is other
    assert resolver.module(Base()).price is price


def test_a_layer_above_answers_first_even_for_a_farther_class():
    below = registry(Kept)
    above = Registry(below)
    above.register(Base, other)
    assert Resolver(above).module(Kept()).price is other
    assert Resolver(below).module(Kept()).price is price


def test_a_state_is_an_answer():
    above = Registry(registry(Base))
    above.register(Base, OBSERVED)
    assert Resolver(above).module(Base()).price is OBSERVED


def test_a_class_is_found_by_the_path_under_which_users_know_it():
    made = registry("torch.nn.Linear", "no_such_package.Linear")
    assert Resolver(made).module(nn.Linear(2, 2)).target == "torch.nn.Linear"
    assert Resolver(made).module(nn.ReLU()) is None


def test_a_class_is_resolved_once():
    made = registry(Base)
    resolver = Resolver(made)
    first = resolver.module(Base())
    made.replace(Base, other)
    assert resolver.module(Base()) is first
    assert Resolver(made).module(Base()).price is other


# -- ops -------------------------------------------------------------------------------------------


def found(resolver, op, called=""):
    """The target that answers for an op, or None."""
    entry, _ = resolver.op(op, called)
    return None if entry is None else entry.target


def test_an_overload_answers_before_the_name_and_the_name_before_the_functional_form():
    resolver = Resolver(registry("aten::add.Tensor", "aten::add", "aten::add_", "aten::mul"))
    assert found(resolver, aten.add.Tensor) == "aten::add.Tensor"
    assert found(resolver, aten.add.Scalar) == "aten::add"
    assert found(resolver, aten.add_.Tensor) == "aten::add_"
    assert found(resolver, aten.mul_.Tensor) == "aten::mul"
    assert found(resolver, aten.sub.Tensor) is None


def test_an_overload_in_place_does_not_answer_for_another():
    resolver = Resolver(registry("aten::add.Tensor"))
    assert found(resolver, aten.add_.Tensor) is None
    assert found(resolver, aten.add.Scalar) is None


def test_two_underscores_at_the_end_are_part_of_the_name():
    assert Resolver(Registry()).op(aten.__and__.Tensor) == (None, "aten::__and__")
    assert found(Resolver(registry("aten::__and_")), aten.__and__.Tensor) is None


def test_each_op_has_the_name_without_its_overload():
    resolver = Resolver(registry("aten::add"))
    assert resolver.op(aten.add_.Tensor)[1] == "aten::add_"
    assert resolver.op(aten.add.Tensor)[1] == "aten::add"
    assert resolver.op(torch.ops.higher_order.cond) == (None, "higher_order::cond")


def test_a_layer_above_answers_first_even_by_a_less_exact_name():
    below = registry("aten::add.Tensor", name="below")
    above = Registry(below, name="above")
    above.register("aten::add", other)
    assert Resolver(above).op(aten.add.Tensor)[0].layer == "above"
    assert Resolver(below).op(aten.add.Tensor)[0].layer == "below"


def test_views_are_free_by_their_schema_unless_a_formula_says_otherwise():
    entry, name = Resolver(Registry()).op(aten.view.default)
    assert (entry.price, entry.layer, name) == (FREE, "schema", "aten::view")
    assert Resolver(registry("aten::view")).op(aten.view.default)[0].price is price
    assert found(Resolver(Registry()), aten.view_copy.default) is None


SEEN = {
    # sees: a listed op, a view, an op that no layer lists
    "all": ("aten::add", "a view", None),
    "listed": ("aten::add", "a view", "an op"),
    "modules": ("an op", "an op", "an op"),
}


@pytest.mark.parametrize("sees", SEEN)
def test_which_ops_are_seen(sees):
    resolver = Resolver(registry("aten::add", Base), sees=sees)
    ops = aten.add.Tensor, aten.view.default, aten.sub.Tensor
    assert tuple(found(resolver, op) for op in ops) == SEEN[sees]
    assert resolver.module(Base()).price is price


def test_an_op_that_is_not_seen_is_free():
    entry, name = Resolver(Registry(), sees="modules").op(aten.add.Tensor)
    assert (entry.price, entry.layer, name) == (FREE, "convention", "aten::add")


def test_none_of_the_ops_that_an_unseen_function_ran():
    resolver = Resolver(registry("aten::mm"), unseen=frozenset({"@"}))
    assert found(resolver, aten.mm.default, "@") == "an op"
    assert found(resolver, aten.mm.default, "torch.mm") == "aten::mm"
    assert found(resolver, aten.mm.default) == "aten::mm"


def test_the_kind_of_an_op_is_the_first_that_a_layer_gives():
    below = Registry()
    below.register("aten::add", price, kind="elementwise")
    above = registry("aten::add.Tensor", base=below)
    resolver = Resolver(above)
    assert resolver.op(aten.add.Tensor)[0].kind is None
    assert resolver.kind_of_op(aten.add.Tensor) == "elementwise"
    assert resolver.kind_of_op(aten.add_.Tensor) == "elementwise"
    assert resolver.kind_of_op(aten.sub.Tensor) is None


def test_an_op_is_resolved_once():
    made = registry("aten::add")
    resolver = Resolver(made)
    first = resolver.op(aten.add.Tensor)
    made.replace("aten::add", other)
    assert resolver.op(aten.add.Tensor) is first
    assert Resolver(made).op(aten.add.Tensor)[0].price is other

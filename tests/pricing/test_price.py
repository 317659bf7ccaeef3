"""The claim rule on traces made by hand: which formula pays for each op, once."""

import pytest
import torch
from helpers.traces import X, aten, call_of, op, run, spec, trace
from torch import nn

from hookcount import FREE, OBSERVED, FormulaError, Ops, Registry
from hookcount.core.trace import OUTSIDE, Unseen
from hookcount.pricing.price import charges, price
from hookcount.rules.registry import target_name
from hookcount.rules.resolver import Resolver

OUTPUT = Unseen("made its output without any visible op", "")
RELU, MODULE, BLOCK = Ops(compares=6), Ops(macs=100), Ops(muls=10)


class Block(nn.Module):
    def forward(self, x):
        return x


class Leaf(nn.Module):
    def forward(self, x):
        return x


def registry(block=None, leaf=None, covers="own"):
    """Formulas for ``relu``, and for the two classes where they are given."""
    made = Registry(name="made")
    made.register("aten::relu", lambda out: Ops(compares=out.numel()))
    if block is not None:
        made.register(Block, block, covers=covers)
    if leaf is not None:
        made.register(Leaf, leaf)
    return made


def paid(made, formulas, **options):
    """By path, target and by whom: the costs. The sum is the total."""
    sums = price(made, Resolver(formulas, **options), {})
    records = {(each.path, each.target, each.by): each.ops for each in sums.records}
    assert sums.total() == sum(records.values(), Ops())
    return records


def nested(*, hook=False):
    """A block that runs ``relu``, and a leaf inside that runs ``relu``."""
    return trace(
        run("", Block(), [op(claimable=not hook)]),
        run("leaf", Leaf(), [op()], parent=0),
    )


def block_pays(out):
    return BLOCK


def leaf_pays(out):
    return MODULE


def test_without_module_formulas_each_op_pays_where_it_ran():
    expected = {("", "aten::relu", "op"): RELU, ("leaf", "aten::relu", "op"): RELU}
    assert paid(nested(), registry()) == expected


def test_the_innermost_module_owns_an_op():
    """The block's formula pays for the block's own op and not for that of the leaf."""
    assert paid(nested(), registry(block=block_pays)) == {
        ("", "Block", "module"): BLOCK,
        ("leaf", "aten::relu", "op"): RELU,
    }


def test_each_module_with_a_formula_pays_for_itself():
    assert paid(nested(), registry(block=block_pays, leaf=leaf_pays)) == {
        ("", "Block", "module"): BLOCK,
        ("leaf", "Leaf", "module"): MODULE,
    }


def test_a_formula_for_a_subtree_pays_for_all_beneath():
    formulas = registry(block=block_pays, leaf=leaf_pays, covers="subtree")
    assert paid(nested(), formulas) == {("", "Block", "module"): BLOCK}


def test_a_subtree_reaches_through_all_levels():
    deep = trace(
        run("", nn.Module()),
        run("a", Block(), [op()], parent=0),
        run("a.b", nn.Module(), [op()], parent=1),
        run("a.b.leaf", Leaf(), [op()], parent=2),
        run("other", nn.Module(), [op()], parent=0),
    )
    formulas = registry(block=block_pays, leaf=leaf_pays, covers="subtree")
    assert paid(deep, formulas) == {
        ("a", "Block", "module"): BLOCK,
        ("other", "aten::relu", "op"): RELU,
    }


def test_all_beneath_a_free_subtree_is_free():
    formulas = registry(block=FREE, leaf=leaf_pays, covers="subtree")
    assert paid(nested(), formulas) == {}


def test_a_formula_that_covers_modules_pays_for_the_modules_beneath_but_for_no_op():
    deep = trace(
        run("", Block(), [op()]),
        run("a", nn.Module(), [op(times=2)], parent=0),
        run("a.leaf", Leaf(), [op()], parent=1),
    )
    formulas = registry(block=block_pays, leaf=leaf_pays, covers="modules")
    assert paid(deep, formulas) == {
        ("", "Block", "module"): BLOCK,
        ("", "aten::relu", "op"): RELU,
        ("a", "aten::relu", "op"): RELU * 2,
        ("a.leaf", "aten::relu", "op"): RELU,
    }


def test_a_formula_that_covers_nothing_comes_on_top():
    assert paid(nested(), registry(block=block_pays, covers="nothing")) == {
        ("", "Block", "module"): BLOCK,
        ("", "aten::relu", "op"): RELU,
        ("leaf", "aten::relu", "op"): RELU,
    }


def test_a_free_module_pays_for_its_own_ops():
    assert paid(nested(), registry(block=FREE)) == {("leaf", "aten::relu", "op"): RELU}


def test_an_observed_module_has_no_formula():
    assert paid(nested(), registry(block=OBSERVED)) == paid(nested(), registry())


def test_the_op_of_a_hook_is_not_claimed_by_the_module_around_which_it_runs():
    assert paid(nested(hook=True), registry(block=block_pays, leaf=leaf_pays)) == {
        ("", "Block", "module"): BLOCK,
        ("", "aten::relu", "op"): RELU,
        ("leaf", "Leaf", "module"): MODULE,
    }


def test_a_module_whose_forward_raised_pays_nothing_and_its_ops_pay():
    raised = trace(run("", Block(), [op()], call=None))
    assert paid(raised, registry(block=block_pays)) == {("", "aten::relu", "op"): RELU}


def test_ops_outside_every_module_pay_and_those_of_a_backward_pass_do_not():
    made = trace(
        run("", nn.Module(), [op()], phase="backward"),
        outside=[("forward", op()), ("backward", op())],
    )
    assert paid(made, registry()) == {(OUTSIDE, "aten::relu", "op"): RELU}
    assert price(made, Resolver(registry()), {}).calls_at == {}


def test_equal_calls_are_priced_once_and_paid_each_time():
    asked = []

    def relu(out):
        asked.append(out)
        return Ops(compares=out.numel())

    formulas = Registry()
    formulas.register("aten::relu", relu)
    same = op(times=3)
    sums = price(trace(run("", nn.Module(), [same, same])), Resolver(formulas), {})
    (record,) = sums.records
    assert (record.ops, record.calls) == (RELU * 6, 6)
    assert asked == [torch.Size((2, 3))]
    assert (sums.worked_out, sums.known) == (1, 1)


def test_prices_of_an_earlier_count_are_taken():
    prices, made, resolver = {}, nested(), Resolver(registry())
    first = price(made, resolver, prices)
    again = price(made, resolver, prices)
    assert (first.worked_out, again.worked_out, again.known) == (2, 0, 2)
    assert first.records == again.records


# -- free and uncounted ----------------------------------------------------------------------------


def uncounted(made, formulas, **options):
    sums = price(made, Resolver(formulas, **options), {})
    assert sums.total() == Ops()
    return {each.target: (each.by, each.paths, each.calls) for each in sums.uncounted}


def test_an_op_without_a_formula_is_uncounted_where_it_ran_as_often_as_it_ran():
    made = trace(run("", nn.Module(), [op(times=2)]), run("a", nn.Module(), [op(), op()], parent=0))
    assert uncounted(made, Registry()) == {"aten::relu": ("op", ("", "a"), 4)}
    sums = price(made, Resolver(Registry()), {})
    assert sums.uncounted_at == {"": 2, "a": 2}
    assert sums.calls_at == {"": 1, "a": 1}


def test_free_ops_and_views_are_not_uncounted():
    formulas = Registry()
    formulas.register("aten::relu", FREE)
    view = op(aten.view.default, X, [6], out=spec(6))
    assert uncounted(trace(run("", nn.Module(), [op(), view])), formulas) == {}


def test_an_op_that_a_modules_formula_pays_for_is_not_uncounted():
    formulas = Registry()
    formulas.register(Block, lambda: Ops())
    assert uncounted(trace(run("", Block(), [op()])), formulas) == {}


def test_a_module_that_works_unseen_is_uncounted_unless_it_has_a_formula():
    made = trace(run("leaf", Leaf(), unseen=OUTPUT))
    name = f"{__name__}.Leaf"
    assert uncounted(made, Registry()) == {name: ("module", ("leaf",), 1)}
    assert uncounted(made, Registry(), sees="modules") == {}
    formulas = Registry()
    formulas.register(Leaf, FREE)
    assert uncounted(made, formulas) == {}


def test_the_signature_names_what_a_formula_may_take():
    made = trace(
        run("", Leaf(), [op(aten.add.Tensor, X, X)], unseen=OUTPUT),
        outside=[("forward", op(torch.ops.higher_order.cond))],
    )
    signatures = {
        each.target: each.signature for each in price(made, Resolver(Registry()), {}).uncounted
    }
    assert signatures == {
        f"{__name__}.Leaf": "module, x, out",
        "aten::add": "self, other, *, alpha, out",
        "higher_order::cond": "*inputs, out",
    }


def test_what_a_sparse_operand_costs_is_not_in_its_shape():
    made = trace(run("", nn.Module(), [op(aten.relu.default, spec(2, 3, sparse=True))]))
    assert uncounted(made, registry()) == {"aten::relu": ("op", ("",), 1)}


def test_integers_cost_nothing_but_their_contractions_do():
    ids = spec(2, 3, dtype=torch.long)
    formulas = Registry()
    formulas.register("aten::relu", lambda out: Ops(macs=5, compares=7, specials=1))
    made = trace(run("", nn.Module(), [op(aten.relu.default, ids, out=ids)]))
    assert paid(made, formulas) == {("", "aten::relu", "op"): Ops(macs=5)}
    mixed = trace(run("", nn.Module(), [op(aten.relu.default, ids, out=X)]))
    assert paid(mixed, formulas)["", "aten::relu", "op"].compares == 7


# -- charges and errors ----------------------------------------------------------------------------


def test_each_charge_says_where_it_comes_from():
    formulas, made = registry(leaf=leaf_pays), nested()
    line = trace(run("", nn.Module(), [op(line="net.py:7", times=2)]), *made.runs[1:])
    first, second = charges(line, Resolver(formulas), {})
    assert (first.path, first.by, first.line, first.calls) == ("", "op", "net.py:7", 2)
    assert first.ops == RELU * 2
    assert first.call is line.runs[0].ops[0].call
    assert (second.path, second.by, second.line, second.calls) == ("leaf", "module", "", 1)
    assert second.entry is formulas.get(f"{__name__}.Leaf")


@pytest.mark.parametrize(
    ("formula", "says"),
    [
        (lambda out: 3, "returned 3, which is no hookcount.Ops"),
        (lambda out: 1 // 0, "raised ZeroDivisionError"),
        (lambda *, no_such: Ops(), "asks for 'no_such'"),
    ],
)
def test_a_formula_that_fails_names_the_module_and_itself(formula, says):
    formulas = Registry()
    formulas.register(f"{__name__}.Leaf", formula)  # by name: its parameters are not known yet
    made = trace(run("a.leaf", Leaf(), call=call_of(Leaf())))
    with pytest.raises(FormulaError, match=says) as caught:
        price(made, Resolver(formulas), {})
    assert "'a.leaf' (Leaf)" in str(caught.value)
    assert "test_price.py" in str(caught.value)
    assert "To fix it" in str(caught.value)


def in_parts(*, leaf=False):
    """A block that runs ``relu``, of which this rank did only its part; perhaps a leaf inside."""
    runs = [run("", Block(), [op()])._replace(by_ops=True)]
    if leaf:
        runs.append(run("leaf", Leaf(), [op()], parent=0))
    return trace(*runs)


def test_the_ops_pay_for_a_part_of_a_module_s_work():
    assert paid(in_parts(), registry(block=block_pays)) == {("", "aten::relu", "op"): RELU}


def test_a_formula_for_the_subtree_does_not_pay_for_parts():
    found = paid(in_parts(leaf=True), registry(block=block_pays, leaf=leaf_pays, covers="subtree"))
    assert found == {("", "aten::relu", "op"): RELU, ("leaf", "Leaf", "module"): MODULE}


def test_a_free_subtree_is_free_in_parts_too():
    formulas = registry(block=FREE, leaf=leaf_pays, covers="subtree")
    assert paid(in_parts(leaf=True), formulas) == {}


def test_a_part_is_named_under_a_convention_that_does_not_see_its_ops():
    sums = price(in_parts(), Resolver(registry(block=block_pays), sees="modules"), {})
    assert sums.records == ()
    assert [(each.target, each.by) for each in sums.uncounted] == [(target_name(Block), "module")]
    without = price(in_parts(), Resolver(registry(), sees="modules"), {})
    assert without.uncounted == ()

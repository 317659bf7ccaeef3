"""A trace under one convention and under others, on a trace made by hand."""

import copy
import pickle

import pytest
import torch
from helpers.traces import aten, call_of, fact, op, place, run, spec, trace
from torch import nn

from hookcount import Convention, Counter, FormulaError, Ops, Registry
from hookcount.pricing.priced import Priced

BOTH = Convention("both")
TWICE = Convention("twice", unit="FLOPs", weights={"macs": 2, "adds": 1})
MINE = Registry(name="mine")
MINE.register("aten::mm", lambda out: Ops(macs=1000 * out.numel()))
OTHER = Convention("other", formulas=MINE)
LISTED = Convention("listed", formulas=MINE, sees="listed")

LINEAR, RELU, PRODUCT = Ops(macs=20, adds=4), Ops(compares=6), Ops(macs=36)


def formulas():
    made = Registry(name="made")
    made.register("aten::relu", lambda out: Ops(compares=out.numel()))
    made.register("aten::mm", lambda self, mat2: Ops(macs=self[0] * self[1] * mat2[1]))
    made.register(nn.Linear, lambda: LINEAR)
    return made


def priced(convention=BOTH, **options):
    linear = nn.Linear(3, 3)
    product = op(aten.mm.default, spec(3, 4), spec(4, 3), out=spec(3, 3))
    made = trace(
        run("", ops=[op(), product, op(aten.sin.default)]),
        run("layer", linear, call=call_of(linear), parent=0),
        places=[place("", leaf=False), place("layer", fact(1, 9), fact(2, 3))],
        **options,
    )
    return Priced(made, formulas(), convention)


def test_records_sum_to_the_total():
    found = priced()
    assert {(each.path, each.target): each.ops for each in found.records} == {
        ("", "aten::relu"): RELU,
        ("", "aten::mm"): PRODUCT,
        ("layer", "Linear"): LINEAR,
    }
    assert found.total == sum((each.ops for each in found.records), Ops())
    assert found.total == LINEAR + RELU + PRODUCT == found.tree.total
    assert [each.target for each in found.uncounted] == ["aten::sin"]


def test_charges_sum_to_the_total_and_name_what_is_uncounted():
    charges = list(priced().charges())
    assert sum((each.ops for each in charges if each.ops is not None), Ops()) == priced().total
    assert [each.target for each in charges if each.ops is None] == ["aten::sin"]


def test_figures():
    found = priced()
    assert found.macs == 20 + 36
    assert found.flops == 2 * (20 + 36) + 4 + 6
    assert (found.headline, found.unit) == (found.macs, "MACs")
    assert (found.params, found.param_bytes) == (12, 48)
    assert (found.run, found.backward_seen) == ("real", False)


def test_under_another_weight_only_the_figure_changes():
    found = priced()
    other = found.under(TWICE)
    assert (other.headline, other.unit) == (2 * (20 + 36) + 4, "FLOPs")
    assert other.total == found.total
    assert other.trace is found.trace
    assert (found.headline, found.convention) == (56, BOTH)  # the first stays as it was


def test_under_other_formulas_those_answer_first():
    found = priced().under(OTHER)
    assert found.total == LINEAR + RELU + Ops(macs=9000)
    assert [each.target for each in found.uncounted] == ["aten::sin"]
    assert found.under(BOTH).total == priced().total


def test_what_a_convention_does_not_list_costs_nothing_and_is_not_uncounted():
    found = priced().under(LISTED)
    assert found.total == Ops(macs=9000)
    assert found.uncounted == ()


def test_conventions_share_the_results_of_formulas():
    found = priced()
    assert (found.sums.worked_out, found.sums.known) == (3, 0)
    again = found.under(TWICE)
    assert (again.sums.worked_out, again.sums.known) == (0, 3)
    other = found.under(OTHER)
    assert (other.sums.worked_out, other.sums.known) == (1, 2)


def test_a_backward_pass_is_seen_and_not_counted():
    outside = priced(outside=[("backward", op())])
    assert outside.backward_seen
    assert outside.total == priced().total
    inside = Priced(trace(run("", ops=[op()], phase="backward")), formulas(), BOTH)
    assert inside.backward_seen
    assert inside.total == Ops()


def test_a_copy_prices_again_to_the_same():
    found = priced()
    before = found.total
    made = copy.copy(found)
    assert made.prices == {}
    assert "resolver" not in vars(made)  # it may hold classes that another process cannot import
    assert made.under(TWICE).total == before


def test_a_formula_that_fails_raises_when_a_figure_is_read():
    made = formulas()
    made.replace("aten::relu", lambda out: None)
    found = Priced(priced().trace, made, BOTH)
    for read in ("sums", "total", "tree", "records", "headline"):
        with pytest.raises(FormulaError, match="aten::relu"):
            getattr(found, read)


def test_a_report_keeps_the_prices_of_its_time():
    formulas = Registry(name="mine")
    formulas.register(nn.Linear, lambda module, input: Ops(macs=800))
    report = Counter(formulas).count(nn.Sequential(nn.Linear(2, 3)), torch.zeros(4, 2))
    formulas.replace(nn.Linear, lambda module, input: Ops(macs=161))
    formulas.register(nn.Sequential, lambda module, input: Ops(macs=1))
    assert Counter(formulas).count(nn.Sequential(nn.Linear(2, 3)), torch.zeros(4, 2)).macs == 162
    copies = copy.copy(report), copy.deepcopy(report), pickle.loads(pickle.dumps(report))
    for each in (report, *copies):
        assert each.macs == each.tree.total.macs == 800
        assert each.to_dataframe().macs[0] == each.by_op().macs.sum() == 800
        assert each.by_type().macs.sum() == each.by_role().macs.sum() == 800
        assert each.coverage().macs_of_modules == 800
        assert each.under("default").macs == each.under("thop").under("default").macs == 800
        assert each.reconcile("default").lines == ()


def test_a_report_under_a_users_convention_keeps_its_prices_too():
    formulas = Registry(name="mine")
    formulas.register(nn.Linear, lambda module, input: Ops(macs=800))
    mine = Convention("mine", formulas=formulas)
    report = Counter().count(nn.Linear(2, 3), torch.zeros(4, 2)).under(mine)
    formulas.replace(nn.Linear, lambda module, input: Ops(macs=161))
    assert report.headline == report.coverage().macs_of_modules == 800
    assert report.by_role().macs.sum() == 800
    for each in (copy.copy(report), copy.deepcopy(report), pickle.loads(pickle.dumps(report))):
        assert each.headline == each.coverage().macs_of_modules == 800
    assert report.under(mine).headline == 161

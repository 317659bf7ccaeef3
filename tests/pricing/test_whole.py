"""The ops that a convention sees which replaces functions of torch."""

from helpers.traces import op, run, trace
from torch import nn

from hookcount.core.ops import Ops
from hookcount.pricing.priced import Priced
from hookcount.rules.convention import Convention
from hookcount.rules.registry import Registry

OUTER, INNER, METHOD = "torch.nn.functional.upsample", "torch.nn.functional.interpolate", ".relu"
FORMULAS = Registry(name="of functions")
FORMULAS.register("aten::relu", lambda out: Ops(macs=1))
FORMULAS.register("aten::elu", lambda out: Ops(macs=100))
TOOL = Convention(
    "tool",
    formulas=FORMULAS,
    sees="listed",
    replaced={
        OUTER: {"aten::relu": "aten::relu"},
        INNER: {"aten::relu": "aten::elu"},
        METHOD: {"aten::elu": "aten::elu"},
    },
)


def _figure(*ops, outside=()):
    made = trace(run("", nn.Module(), ops), outside=[("forward", each) for each in outside])
    return Priced(made, Registry(), TOOL).headline


def test_an_op_counts_once_for_each_replaced_function_around_it():
    assert _figure(op(called="torch.relu")) == 0
    assert _figure(op(called=OUTER)) == 1
    assert _figure(op(called=INNER, times=3)) == 300
    assert _figure(op(called="torch.relu")._replace(inside=(INNER, OUTER))) == 101
    assert _figure(op(called=INNER)._replace(inside=(OUTER,))) == 101
    assert _figure(outside=[op(called=OUTER)]) == 1


def test_an_op_that_a_function_does_not_list_costs_nothing():
    assert _figure(op(called=METHOD)) == 0


def test_a_whole_call_counts_and_its_parts_do_not():
    whole = run("", nn.Module(), [op(called=OUTER)._replace(whole="part")])._replace(
        whole=(op(called=OUTER, times=2)._replace(whole="call"),)
    )
    assert Priced(trace(whole), Registry(), TOOL).headline == 2

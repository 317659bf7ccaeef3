"""Calls of functions that other ops make up."""

import torch
from helpers.functions import Fn
from torch import nn
from torch.nn import functional as F

import hookcount
from hookcount.observe.whole_calls import whole_calls_noted
from hookcount.rules.registry import target_name


def whole(report):
    return [
        (target_name(op.call.target), op.times)
        for run in report.priced.trace.runs
        for op in run.whole
    ]


def parts(report):
    return [op for run in report.priced.trace.runs for op in run.ops if op.whole == "part"]


def test_each_way_to_call():
    y = torch.zeros(7, 7)
    model = Fn(
        lambda me, x: torch.einsum(
            "ij,jk->ik",
            F.dropout(torch.matmul((x @ me.y).matmul(me.y), me.y), training=False),
            me.y,
        ),
        y=y,
    )
    report = hookcount.count(model, torch.zeros(5, 7))
    # three calls by three names
    assert sorted(whole(report)) == [
        ("aten::dropout.default", 1),
        ("aten::einsum.default", 1),
        *[("aten::matmul.default", 1)] * 3,
    ]
    called = {op.called for run in report.priced.trace.runs for op in run.whole}
    assert {"@", ".matmul", "torch.matmul"} <= called
    assert sum(op.times for op in parts(report) if "mm" in target_name(op.call.target)) == 4


def test_shapes_are_those_of_the_code():
    model = Fn(lambda me, x: x @ me.y, y=torch.zeros(7, 11))
    report = hookcount.count(model, torch.zeros(3, 5, 7))
    (call,) = [op.call for run in report.priced.trace.runs for op in run.whole]
    assert [tuple(each.shape) for each in call.args] == [(3, 5, 7), (7, 11)]
    assert tuple(call.out.shape) == (3, 5, 11)


def test_a_call_that_raises_leaves_nothing():
    model = Fn(lambda me, x: x @ me.y if x.shape[1] == 7 else x, y=torch.zeros(8, 11))
    try:
        hookcount.count(model, torch.zeros(5, 7))
    except RuntimeError:
        pass
    else:
        raise AssertionError("the shapes do not fit")
    assert hookcount.count(nn.Linear(7, 3, bias=False), torch.zeros(5, 7)).macs == 5 * 7 * 3


def test_outside_of_a_count_nothing_is_noted():
    x = torch.ones(2, 2)
    with whole_calls_noted():
        assert (x @ x).tolist() == [[2, 2], [2, 2]]
        assert torch.einsum("ij->", x) == 4
        assert F.dropout(x, 0.5, training=False) is x


def test_a_watch_notes_calls_outside_of_modules():
    layer, x = nn.Linear(7, 11, bias=False), torch.zeros(3, 5, 7)
    with hookcount.Counter().watch(layer) as watch:
        layer(x @ torch.zeros(7, 7))
    found = watch.report().under("rfdetr")
    assert found.headline == 5 * 7 * 7 + 15 * 7 * 11

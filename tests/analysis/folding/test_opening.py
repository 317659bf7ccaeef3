"""The first view: it fits, and the rows that it shows sum to the total."""

import pytest
import torch
from helpers.pictured import EACH, counted, deep, flat
from torch import nn

import hookcount
from hookcount import Ops
from hookcount.analysis.folding.fold import folded
from hookcount.analysis.folding.opening import first_view, lines, to_depth


def shown(root, opening):
    return list(lines(root, opening))


@pytest.mark.parametrize("most", [10, 25, 40])
@pytest.mark.parametrize("name", EACH)
def test_every_model_fits_and_no_work_is_hidden(name, most):
    report = counted(name)
    root = folded(report.tree)
    found = shown(root, first_view(root, most))
    assert len(found) <= most
    work = [line.row.total if line.closed else line.row.own for line in found]
    assert sum(work, Ops()) == report.total
    whole = len(list(root))
    assert len(found) >= min(whole, most / 3), "most of the space is empty"


@pytest.mark.parametrize("name", ["resnet50", "swin_t", "vit_b_16", "deep"])
def test_a_depth_is_uniform(name):
    root = folded(counted(name).tree)
    for depth in range(4):
        found = shown(root, to_depth(root, depth))
        assert max(len(line.last) for line in found) == depth
        assert all(not line.closed for line in found if len(line.last) < depth)
    assert len(shown(root, to_depth(root, None))) == len(list(root))


def test_below_the_common_depth_the_dearest_of_each_kind_is_open():
    root = folded(counted("resnet50").tree)
    found = shown(root, first_view(root))
    depth = first_view(root).depth
    opened = [line.row for line in found if len(line.last) >= depth and not line.closed]
    opened = [row for row in opened if row.children]
    kinds = [(row.type, tuple(child.type for child in row.children)) for row in opened]
    assert opened
    assert len(set(kinds)) == len(kinds)


def test_a_model_of_many_layers_shows_the_dearest_and_the_sum_of_the_others():
    layers = 100
    root = folded(hookcount.count(flat(layers), torch.zeros(1, 8)).tree)
    found = shown(root, first_view(root, 40))
    assert len(found) == 40
    kept, others = found[1:-1], found[-1].row
    macs = [(8 + i) * (9 + i) for i in range(layers)]
    # the last 38 are the largest
    assert [line.row.total.macs for line in kept] == macs[-38:]
    assert others.name == "(62 others)"
    assert others.total.macs == sum(macs[:62])
    assert others.count == 1
    assert others.params() == [sum((8 + i + 1) * (9 + i) for i in range(62))]


def test_siblings_in_the_order_of_a_value():
    root = folded(hookcount.count(flat(5), torch.zeros(1, 8)).tree)
    found = lines(root, to_depth(root, None), lambda row: -row.total.macs)
    assert [line.row.name for line in found] == ["(model)", "4", "3", "2", "1", "0"]


def test_the_last_of_siblings_is_marked():
    root = folded(hookcount.count(nn.Sequential(deep(1), nn.ReLU()), torch.zeros(1, 8)).tree)
    found = [(line.row.name, line.last) for line in lines(root, to_depth(root, None))]
    assert found == [
        ("(model)", ()),
        ("0", (False,)),
        ("0-1", (False, False)),
        ("2", (False, True)),
        ("1", (True,)),
    ]

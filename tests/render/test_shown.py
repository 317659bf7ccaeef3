"""``report.show``: the tree in the terminal of a given width."""

import re

import pytest
import torch
from helpers.pictured import counted
from torch import nn

import hookcount


@pytest.fixture
def shown(capsys, monkeypatch):
    """A function that shows a report in a terminal of 80 columns and returns the lines."""
    monkeypatch.setenv("COLUMNS", "80")

    def shown(name, **options):
        counted(name).show(**options)
        return re.sub("\x1b\\[[0-9;]*m", "", capsys.readouterr().out).splitlines()

    return shown


def test_a_report_is_shown_within_the_terminal(shown):
    lines = shown("swin_t")
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 45
    assert "report.show(fold=False)" in " ".join(lines)
    assert "28.3 M" in lines[2]


def test_a_depth_and_each_module(shown):
    assert [line.split()[0] for line in shown("resnet50", depth=0)[1:3]] == ["module", "(model)"]
    full = shown("resnet50", fold=False)
    assert len(full) == 2 + len(list(counted("resnet50").tree))


def test_chosen_columns(shown):
    head = shown("resnet50", columns=["params", "share"])[1]
    assert re.split("  +", head.strip()) == ["module", "params", "% MACs"]
    head = shown("resnet50", columns=[])[1]
    assert head.split() == ["module"]


def test_the_largest_first(shown):
    lines = shown("flat", depth=1, sort="params")
    assert lines[3].split()[1] == "99"  # of layers that grow
    most = shown("flat", top=3, sort="own_params")
    assert [line.split()[0] for line in most] == ["path", "99", "98", "97"]


def test_the_top_modules_are_those_of_the_table(shown):
    lines = shown("alexnet", top=3)
    found = counted("alexnet").top(3)["path"].tolist()
    assert [line.split()[0] for line in lines if line.split()[0] in found] == found


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"columns": ["parans"]}, "params"),
        ({"columns": "params"}, "['params']"),
        ({"sort": "path"}, "macs"),
        ({"depth": -1}, "an int"),
        ({"depth": "2"}, "an int"),
        ({"top": 3, "depth": 1}, "omit"),
        ({"top": 3, "columns": ["macs"]}, "omit"),
        ({"top": -1}, "give an int"),
        ({"top": 3, "sort": "path"}, "use one of"),
    ],
)
def test_what_cannot_be_shown(options, said):
    report = hookcount.count(nn.Linear(8, 8), torch.zeros(1, 8))
    with pytest.raises(hookcount.InputError, match="To fix it") as raised:
        report.show(**options)
    assert said in str(raised.value)

"""``report.show``: the tree in the terminal of a given width."""

import re

import numpy as np
import pytest
import torch
from helpers.pictured import counted
from torch import nn

import hookcount
from hookcount.analysis.columns import STEP_COLUMNS
from hookcount.render.quantities import TEXTS, sorts
from hookcount.render.text import tree
from hookcount.tables.grid import plain


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
    assert shown("resnet50", depth=np.int64(1)) == shown("resnet50", depth=1)
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


def test_top_modules_have_the_columns_that_are_asked_for_and_that_of_the_order(shown):
    lines = shown("alexnet", top=2, sort="param_bytes", columns=["type", "share", "output"])
    head = ["path", "type", "macs_share", "output_shapes", "param_bytes"]
    assert lines[0].split() == head
    assert "param_bytes" in shown("alexnet", top=2, sort="param_bytes", columns=[])[0]
    paths = [line.split()[0] for line in shown("resnet50", top=50, depth=1, columns=["depth"])]
    assert {"layer1", "layer4", "conv1"} < set(paths)
    assert not any("." in path for path in paths)


def test_a_convention_has_its_figure_in_each_view(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    report = counted("resnet50").under("torch")

    def head(**options):
        report.show(**options)
        return re.sub("\x1b\\[[0-9;]*m", "", capsys.readouterr().out)

    assert "torch (FLOPs)" in head(columns=["figure"])
    assert "torch (FLOPs)" not in head(columns=["macs"]).partition("module")[2]
    assert "own_figure" in head(top=3)
    assert "torch (FLOPs)" in report._repr_html_()


@pytest.mark.parametrize("sort", sorts(step=False))
def test_siblings_are_sorted_by_each_column(sort):
    model = nn.Sequential(nn.ReLU(), nn.Linear(8, 16), nn.Linear(16, 4), nn.Linear(4, 80))
    model.add_module("10", nn.LayerNorm(80))
    report = hookcount.count(model, torch.zeros(3, 8))
    lines = plain(tree(report.priced, sort=sort, fold=False)).splitlines()[3:8]
    names = [re.sub("^[├└─ ]*", "", line).split()[0] for line in lines]
    frame = report.to_dataframe().iloc[1:]
    column = {"share": "macs_share"}.get(sort, sort)
    if sort == "path":
        assert names == ["0", "1", "2", "3", "10"]
    else:
        frame = frame.sort_values(column, ascending=sort in TEXTS, kind="stable")
        assert names == frame["path"].tolist()


def step_of_some():
    """Layers of other sizes. The first has no gradient of its input, and the last is frozen."""
    model = nn.Sequential(nn.Linear(8, 16), nn.Linear(16, 4), nn.ReLU(), nn.Linear(4, 80))
    model[3].requires_grad_(False)
    return hookcount.Training(optimizer=torch.optim.SGD).count(model, torch.zeros(3, 8))


@pytest.mark.parametrize("sort", STEP_COLUMNS)
@pytest.mark.parametrize("phase", ["", "backward", "step"])
def test_siblings_are_sorted_by_each_column_of_a_training_step(sort, phase):
    report = step_of_some()
    report = getattr(report, phase) if phase else report
    text = plain(tree(report.priced, sort=sort, fold=False, columns=["type", "macs"]))
    head, _, *lines = text.splitlines()[2:]
    names = [re.sub("^[├└─ ]*", "", line).split()[0] for line in lines if "─" in line]
    frame = report.to_dataframe().iloc[1:]
    frame = frame[frame["path"].isin(names)]
    order = frame.sort_values(sort, ascending=False, kind="stable")
    assert names == order["path"].tolist()
    assert re.split("  +", head.strip())[-1] == sort.replace("_", " ").replace(
        "macs", "MACs"
    ).replace("flops", "FLOPs")
    shown = [re.split("  +", line.strip())[-1] for line in lines if "─" in line]
    for cell, value in zip(shown, order[sort], strict=True):
        assert not value or cell == str(value)


def test_columns_of_a_training_step_are_shown(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    report = step_of_some()
    report.show(columns=["own_backward_macs", "optimizer_flops", "input_shapes", "param_bytes"])
    lines = re.sub("\x1b\\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    titles = ["module", "own backward MACs", "optimizer FLOPs", "input shapes", "param bytes"]
    assert re.split("  +", lines[2].strip()) == titles
    # 3 * 8 * 16 of the weight; 2 FLOPs for each of 8 * 16 + 16 parameters of 4 bytes
    assert re.split("  +", lines[4])[1:] == ["384", "288", "(3, 8)", "576 B"]
    report.backward["1"].show(columns=["backward_macs"])
    assert capsys.readouterr().out.split()[-1] == str(2 * 3 * 16 * 4)


class Itself(nn.Module):
    """It has a product of its own, and a layer that is smaller."""

    def __init__(self):
        super().__init__()
        self.weight, self.small = nn.Parameter(torch.zeros(8, 8)), nn.Linear(8, 2)

    def forward(self, x):
        return self.small(x @ self.weight)


def test_what_a_module_did_itself_has_its_own_step():
    report = hookcount.Training(optimizer=torch.optim.SGD).count(
        nn.Sequential(Itself()), torch.zeros(3, 8)
    )
    for sort, itself, layer in [
        ("backward_macs", 3 * 8 * 8, 2 * 3 * 8 * 2),
        ("own_backward_macs", 3 * 8 * 8, 2 * 3 * 8 * 2),
        ("optimizer_flops", 2 * 8 * 8, 2 * (8 * 2 + 2)),
    ]:
        lines = plain(tree(report.priced, sort=sort)).splitlines()[-2:]
        assert "(itself)" in lines[0]
        assert [int(line.split()[-1]) for line in lines] == [itself, layer]


@pytest.mark.parametrize("options", [{"sort": "backward_macs"}, {"columns": ["backward_macs"]}])
@pytest.mark.parametrize("top", [{}, {"top": 3}])
def test_a_column_of_a_training_step_needs_one(options, top):
    report = hookcount.count(nn.Linear(8, 8), torch.zeros(1, 8))
    with pytest.raises(hookcount.InputError) as raised:
        report.show(**options, **top)
    text = str(raised.value)
    assert "'backward_macs' is a column of a training step, and none was counted" in text
    assert "To fix it: count one: hookcount.Training().count(model, ...)" in text


def test_what_a_module_did_itself_is_sorted_by_its_own_work():
    """It is less than the layer before it: 2 * 4 * 4 * 16 products against 4 * 16 * 48."""
    for sort in ("macs", "flops", "figure", "share", "params"):
        lines = plain(tree(counted("held").priced, sort=sort)).splitlines()
        names = [re.sub("^[│├└─ ]*", "", line).split()[0] for line in lines[4:6]]
        assert names == ["qkv", "(itself)"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"columns": ["parans"]}, "params"),
        ({"columns": "params"}, "['params']"),
        ({"sort": "inputs_shape"}, "input_shapes"),
        ({"sort": "pramas"}, "use one of params"),
        ({"depth": -1}, "an int"),
        ({"depth": "2"}, "an int"),
        ({"top": 3, "depth": -1}, "an int"),
        ({"top": 3, "columns": ["mac"]}, "use one of macs"),
        ({"top": 3, "columns": "macs"}, "['macs']"),
        ({"top": -1}, "give an int"),
        ({"top": 3, "sort": "path"}, "use one of"),
    ],
)
def test_what_cannot_be_shown(options, said):
    report = hookcount.count(nn.Linear(8, 8), torch.zeros(1, 8))
    with pytest.raises(hookcount.InputError, match="To fix it") as raised:
        report.show(**options)
    assert said in str(raised.value)

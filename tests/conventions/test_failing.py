"""A convention of which a formula fails: its row says so, and everything else goes on."""

import json

import pytest
import torch
from torch import nn

import hookcount
from hookcount.analysis.match import candidates
from hookcount.cli import main
from hookcount.conventions import CONVENTIONS, MODULES

LIMITED = hookcount.Registry()
FAILING = hookcount.Convention("failing", formulas=LIMITED)


@LIMITED.register(nn.Linear)
def only_small(module: nn.Linear, out: torch.Size) -> hookcount.Ops:
    if module.out_features > 4:
        raise ValueError("too wide")
    return hookcount.Ops(macs=1)


@pytest.fixture
def scalar():
    """A count that thop refuses as the tool does: the softmax of a number has no axis."""
    model = nn.Sequential(nn.Softmax(dim=0))
    report = hookcount.count(model, torch.tensor(1.0))
    with pytest.raises(hookcount.FormulaError, match="Softmax"):
        report.under("thop")
    return report


def test_a_row_that_says_so(scalar):
    frame = scalar.by_convention()
    assert frame["convention"].tolist() == list(CONVENTIONS)
    rows = {row["convention"]: row for row in frame.to_dict(orient="records")}
    assert rows["thop"]["figure"] is None
    assert "'0' (Softmax): the formula for" in rows["thop"]["error"]
    assert "IndexError" in rows["thop"]["error"]
    assert "\n" not in rows["thop"]["error"]
    others = [row for name, row in rows.items() if name != "thop"]
    assert all(type(row["figure"]) is int and row["error"] == "" for row in others)


def test_figures_stay_exact_beside_a_failed_one():
    """A figure above 2 ** 53 is no float."""
    wide = nn.Linear(2**30, 5, bias=False, device="meta")
    report = hookcount.count(wide, torch.empty(2**23 + 1, 2**30, device="meta"))
    frame = report.by_convention(["default", FAILING])
    assert frame["figure"].tolist() == [(2**23 + 1) * 2**30 * 5, None]
    assert frame["error"].tolist()[0] == ""
    assert "too wide" in frame["error"].tolist()[1]


def test_match_and_reconcile_leave_it_out(scalar):
    names = {each.convention.name for each in candidates(scalar.priced, 5e9)}
    assert names == {*CONVENTIONS, MODULES.name} - {"thop"}
    assert scalar.match(5e9) == ()
    assert "5,000,000,000" in str(scalar.reconcile(5e9))


def test_compare_goes_on():
    """2 * 8 * 4 and 2 * 8 * 5 products; the formula gives 1 for the one and fails for the other."""
    x = torch.zeros(2, 8)
    frame = hookcount.compare(
        {"small": (nn.Linear(8, 4), x), "wide": (nn.Linear(8, 5), x)}, ["default", FAILING]
    )
    assert frame.columns.tolist() == [
        *("model", "params", "default", "failing", "uncounted", "error")
    ]
    assert frame["default"].tolist() == [2 * 8 * 4, 2 * 8 * 5]
    assert frame["failing"].tolist() == [1, None]
    small, wide = frame["error"]
    assert small == ""
    assert wide.startswith("failing: the model itself (Linear): the formula for")
    assert frame.attrs["units"] == {"default": "MACs", "failing": "MACs"}


MODELS = """
import torch
from torch import nn

class Sums(nn.Module):
    def __init__(self):
        super().__init__()
        self.softmax = nn.Softmax(dim=0)

    def forward(self, x):
        return self.softmax(x.sum())
"""


@pytest.mark.parametrize("form", ["tree", "table", "csv", "json", "markdown"])
def test_the_command_line_goes_on(form, tmp_path, monkeypatch, capsys):
    (tmp_path / "numbers_models.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    command = ["numbers_models.py:Sums", "--input", "3", "--convention", "all"]
    assert main([*command, "--format", form]) == 0
    out = capsys.readouterr().out
    assert out.count("thop") >= 1
    assert "rfdetr" in out
    assert "Softmax" in out
    if form == "json":
        rows = {row["convention"]: row for row in json.loads(out)}
        assert rows["thop"]["figure"] is None
        assert rows["torch"]["figure"] == 0
        assert rows["torch"]["error"] == ""


@pytest.mark.parametrize("form", ["table", "csv", "json", "markdown"])
def test_compare_on_the_command_line_goes_on(form, tmp_path, monkeypatch, capsys):
    (tmp_path / "numbers_models.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    command = ["compare", "numbers_models.py:Sums", "--input", "3"]
    assert main([*command, "--convention", "default,thop", "--format", form]) == 0
    out = capsys.readouterr().out
    assert "thop: 'softmax' (Softmax): the formula for" in out
    if form == "table":
        assert out.splitlines()[0].split() == [
            "model",
            "params",
            "default",
            "(MACs)",
            "thop",
            "(MACs)",
        ]
        assert out.splitlines()[-1].startswith("numbers_models.py:Sums: thop: ")
    if form == "json":
        assert json.loads(out)[0]["thop"] is None

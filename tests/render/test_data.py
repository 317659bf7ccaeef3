"""CSV, JSON and Markdown of a report: the convention's figure, paths, and hostile names."""

import csv
import io
import json
import sys

import pandas as pd
import pytest
import torch
from torch import nn

import hookcount
from hookcount import FREE, Registry

CONV, RELU = 8 * 4 * 4 * 27, 8 * 4 * 4
HOSTILE = [
    "=cmd|' /C calc'!A0",
    "+1",
    "-1",
    "@SUM(A1)",
    "\x1b[2J\x1b[31mred",
    "two\nlines",
    "tab\there",
    "<img src=x onerror=alert(1)>",
    "a|b",
    "\u202eturned",
    "x" * 3000,
    "nan",
    "1",
    "100%_$#&{}~^\\",
]


def report(convention="default"):
    model = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.ReLU())
    return hookcount.count(model, torch.zeros(1, 3, 6, 6)).under(convention)


def hostile():
    model = nn.Sequential()
    for name in HOSTILE:
        model.add_module(name, nn.Linear(4, 4, bias=False))
    return hookcount.count(model, torch.zeros(1, 4))


@pytest.mark.parametrize(
    ("convention", "unit", "figures"),
    [("default", "MACs", [CONV, CONV, 0]), ("torch", "FLOPs", [2 * CONV, 2 * CONV, 0])],
)
def test_each_format_has_the_figure_its_unit_and_a_column(convention, unit, figures):
    found = report(convention)
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert [int(row["figure"]) for row in rows] == figures
    assert {(row["convention"], row["unit"]) for row in rows} == {(convention, unit)}
    whole = json.loads(found.to_json())
    assert (whole["convention"], whole["unit"], whole["figure"]) == (convention, unit, figures[0])
    assert [row["figure"] for row in whole["modules"]] == figures
    assert whole["versions"] == {"hookcount": hookcount.__version__, "torch": torch.__version__}
    assert found.to_dataframe()["figure"].tolist() == figures


def test_markdown_has_the_figure_under_a_convention():
    lines = report("torch").to_markdown().splitlines()
    assert "FLOPs (torch)" in lines[0]
    assert 2 * CONV == 6912
    assert "6.91 k" in lines[2]
    assert "torch" not in report().to_markdown()


def test_a_convention_that_weighs_other_work():
    mine = hookcount.Convention("compares", "FLOPs", weights={"compares": 1})
    found = report(mine)
    assert json.loads(found.to_json())["figure"] == RELU
    frame = pd.read_csv(io.StringIO(found.to_csv()))
    assert frame["own_figure"].tolist() == [0, 0, RELU]


def test_paths_survive_a_round_trip():
    model = nn.Sequential(nn.Identity(), nn.Sequential(nn.Linear(4, 4), nn.ReLU()))
    found = hookcount.count(model, torch.zeros(1, 4))
    frame = pd.read_csv(io.StringIO(found.to_csv()))
    assert frame["path"].tolist() == ["(model)", "0", "1", "1.0", "1.1"]


def test_hostile_names_do_no_harm():
    found = hostile()
    text = str(found)
    assert len(text.splitlines()) == 2 + 1 + len(HOSTILE)
    assert max(map(len, text.splitlines())) < 250
    assert all(line.isprintable() for line in text.splitlines())
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert len(rows) == 1 + len(HOSTILE)
    assert len({row["path"] for row in rows}) == len(rows)
    assert not any(row["path"].startswith(("=", "+", "-", "@")) for row in rows)
    assert all(value.isprintable() for row in rows for value in row.values())
    lines = found.to_markdown().splitlines()
    assert len(lines) == 2 + 1 + len(HOSTILE)
    assert "<img" not in found.to_markdown()
    assert all(line.isprintable() for line in lines)
    paths = [row["path"] for row in json.loads(found.to_json())["modules"]]
    assert paths == ["", *HOSTILE]
    assert "\x1b" not in found.to_json()
    assert "\x1b" not in found._repr_html_()
    assert "\x1b" not in str(found.coverage())


def test_a_class_may_have_a_hostile_name_too():
    hostile_class = type("Evil\n\x1b[2J", (nn.Module,), {"forward": lambda self, x: x})
    registry = Registry(name="free")
    registry.register(hostile_class, FREE)
    counter = hookcount.Counter(registry=registry)
    found = counter.count(nn.Sequential(hostile_class()), torch.zeros(1))
    for text in (str(found), found.to_csv(), found.to_markdown(), found.summary()):
        assert all(line.isprintable() for line in text.splitlines())
    assert len(str(found).splitlines()) == 2 + 2


def test_a_warning_of_a_hostile_class_is_text():
    class Odd(nn.Module):
        def forward(self, x):
            return torch.linalg.eigvals(x)

    Odd.__name__ = "Evil\n\x1b[2J"
    with pytest.warns(hookcount.UncountedWarning) as caught:
        found = hookcount.count(nn.Sequential(Odd()), torch.zeros(2, 2))
    texts = [str(each.message) for each in caught]
    for text in (*texts, found.explain_uncounted(), str(found.coverage()), str(found)):
        assert all(line.isprintable() for line in text.splitlines())
    mine = hookcount.Convention("mine", weights={"macs": 2})
    model = nn.Sequential(type("Evil\n\x1b[2J", (nn.Linear,), {})(2, 2))
    assert "\x1b" not in str(hookcount.count(model, torch.zeros(1, 2)).reconcile(mine))


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_print_works_in_narrow_encodings(monkeypatch, encoding):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    model = nn.Sequential()
    model.add_module("层", nn.Linear(4, 4))
    found = hookcount.count(model, torch.zeros(1, 4))
    print(found)
    print(found.coverage())
    stream.flush()
    assert b"Linear" in stream.buffer.getvalue()


HALF = "\ud800"
"""Half a character, which no encoding holds."""


def test_a_name_with_half_a_character_is_in_each_table(tmp_path):
    model = nn.Sequential()
    model.add_module(HALF, nn.Linear(8, 8))
    report = hookcount.count(model, torch.zeros(1, 8))
    shown = "\\ud800"
    assert shown in report.to_csv()
    frame = report.to_dataframe()
    assert frame["path"].tolist() == ["", HALF]
    assert hookcount.Report.from_json(report.to_json()).to_dataframe().equals(frame)
    other = hookcount.count(nn.Sequential(nn.Linear(8, 8)), torch.zeros(1, 8))
    assert set(report.diff(other).to_dataframe()["path"]) == {HALF, "0"}
    scaling = hookcount.scaling(model, lambda n: torch.zeros(n, 8), [1, 2, 3, 4])
    assert scaling.to_dataframe()["path"].tolist() == [HALF]
    assert hookcount.compare({HALF: report})["model"].tolist() == [HALF]
    pytest.importorskip("openpyxl")
    report.to_excel(tmp_path / "a.xlsx")


def test_the_name_of_a_convention_does_no_harm():
    name = "=\x1b[31m\n" + "c" * 3000
    report = hookcount.count(nn.Linear(8, 4), torch.zeros(1, 8))
    named = report.under(hookcount.Convention(name))
    other = hookcount.count(nn.Linear(8, 6), torch.zeros(1, 8)).under(hookcount.Convention(name))
    for text in (
        str(named),
        named.summary(),
        str(other.diff(named)),
        str(report.reconcile(named.convention)),
    ):
        assert "\x1b" not in text
    assert len(named.summary()) < 250
    assert named.plot().layout.title.text.count("c" * 100) == 0

"""The page of a comparison."""

import pytest
import torch
from helpers.parsed import Page
from torch import nn

import hookcount
from hookcount.render.page.compared import compared
from hookcount.render.page.script import SCRIPT


def test_each_figure_has_its_unit_and_names_do_no_harm():
    hostile = "</title><script>alert(1)</script>\x1b"
    reports = {
        hostile: hookcount.count(nn.Linear(10, 20), torch.zeros(100, 10)),
        "w" * 3000: hookcount.count(nn.ReLU(), torch.zeros(1)),
    }
    text = compared(hookcount.compare(reports, ["default", "torch"]))
    page = Page(text)
    assert page.loads_something() == []
    assert page.scripts == [SCRIPT]
    head, first, second = page.tables["Figures by model"]
    assert head == ["model", "params", "default (MACs)", "torch (FLOPs)", "uncounted"]
    macs = 100 * 10 * 20
    assert first[1:4] == [str(10 * 20 + 20), f"20.0 k = {macs:,}", f"40.0 k = {2 * macs:,}"]
    assert first[0].startswith("</title><script>")
    assert second[1:4] == ["0", "0", "0"]
    assert len(second[0]) <= 120
    assert "2 models side by side" in page.text
    assert all(line.isprintable() for line in text.splitlines())
    assert f"torch {torch.__version__}" in page.text


def test_a_wide_comparison_has_a_column_for_each_model():
    reports = {"a": hookcount.count(nn.Linear(10, 20), torch.zeros(100, 10))}
    rows = hookcount.compare(reports, ["default", "torch", "fvcore", "thop", "ptflops"])
    found = Page(compared(rows)).tables["Figures by model"]
    macs = 100 * 10 * 20
    assert found[0] == ["model", "a"]
    assert ["torch (FLOPs)", f"40.0 k = {2 * macs:,}"] in found
    assert [row[0].partition(" ")[0] for row in found[1:]] == list(rows.columns[1:])


def test_figures_are_bars_too():
    reports = {
        "one": hookcount.count(nn.Linear(10, 20), torch.zeros(100, 10)),
        "two": hookcount.count(nn.Linear(10, 5), torch.zeros(100, 10)),
    }
    page = Page(compared(hookcount.compare(reports, ["default", "torch"])))
    shares = [
        float(value.partition(":")[2]) for _, name, value in page.attributes if name == "style"
    ]
    params = (10 * 5 + 5) / (10 * 20 + 20)
    assert shares == pytest.approx([1, 5 / 20, 1, 5 / 20, 1, params], abs=1e-4)
    assert "two 5.00 k MACs" in " ".join(page.text.split())

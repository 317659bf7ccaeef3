"""The tree of a notebook: the rows of the page, small, and without effect on other cells."""

import itertools
import re

import pytest
import torch
from helpers.parsed import Page
from helpers.pictured import EACH, counted
from torch import nn

import hookcount
from hookcount.analysis.folding.fold import folded


def shown(report):
    return report._repr_html_()


@pytest.mark.parametrize("name", EACH)
def test_each_view_is_small_and_has_the_rows_of_the_folded_tree(name):
    report = counted(name)
    text = shown(report)
    page = Page(text)
    assert len(text.encode()) <= 60_000
    assert [row.cells[0] for row in page.rows] == [row.name for row in folded(report.tree)]
    assert page.loads_something() == []
    assert page.ids == set()
    assert page.tags <= {"div", "style", "strong", "small", "p", "i", "b", "details", "summary"}


@pytest.mark.parametrize("name", EACH)
def test_the_rows_in_view_are_few(name):
    in_view, closed = 0, 10**9
    for row in Page(shown(counted(name))).rows:
        if row.depth > closed:
            continue
        in_view, closed = in_view + 1, 10**9 if row.is_open else row.depth
    few = 24 if name != "flat" else 101  # all of its rows are beneath the root
    assert in_view <= few


def test_every_rule_is_under_one_class():
    style = Page(shown(counted("resnet50"))).styles
    flat = re.sub(r"@media[^{]*\{((?:[^{}]*\{[^{}]*\})*)\}", r"\1", style)
    selectors = [each for rule in re.findall(r"([^{}]+)\{", flat) for each in rule.split(",")]
    assert len(selectors) > 20
    assert [each for each in selectors if not each.strip().startswith(".hookcount")] == []


def test_text_has_the_colour_of_the_notebook():
    style = Page(shown(counted("resnet50"))).styles
    assert re.findall(r"(?<![-\w])color:(?!var\(--(?:dim|warn)\))", style) == []
    assert {"--dim:currentColor", "--warn:currentColor"} <= set(re.split("[;{}\n]", style))


def test_totals_doubts_and_notes_are_there():
    class Odd(nn.Module):
        def forward(self, x):
            return torch.linalg.eigvals(x)

    with pytest.warns(hookcount.UncountedWarning):
        report = hookcount.count(nn.Sequential(nn.Linear(4, 4), Odd()), torch.rand(4, 4))
    text = " ".join(Page(shown(report)).text.split())
    assert text.startswith(report.summary())
    assert "lower bound" in text
    assert "?: some work there or beneath is uncounted." in text


def test_a_convention_has_its_column():
    text = shown(counted("resnet50").under("torch"))
    assert "<i>torch (FLOPs)</i>" in text
    assert "G FLOPs under torch" in text


def test_a_very_large_model_has_its_first_view_only():
    widths = [8 + place % 37 for place in range(2_001)]  # no two beside each other are equal
    layers = [nn.Linear(*pair, device="meta") for pair in itertools.pairwise(widths)]
    report = hookcount.count(nn.Sequential(*layers), torch.zeros(1, 8, device="meta"))
    text = shown(report)
    page = Page(text)
    assert len(page.rows) == 24
    assert page.rows[-1].depth == 1
    (others,) = [row for row in page.rows if "others" in row.cells[0]]
    assert others.cells[0] == f"({2_000 - 22} others)"
    assert "Not all rows are here" in page.text
    assert len(text.encode()) < 10_000

"""The tables of a page: work between modules by source line, conventions, and the rows as CSV."""

import io
import itertools
from urllib.parse import unquote

import pandas as pd
import pytest
import torch
from helpers.parsed import Page, value
from helpers.pictured import EACH, counted
from torch import nn

import hookcount
from hookcount.conventions import CONVENTIONS
from hookcount.rules.convention import Convention

BETWEEN, UNDER = "Work between modules", "Conventions"


def page_of(report, **options):
    return Page(report.to_html(**options))


class Products(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.layers = nn.ModuleList([nn.Identity() for _ in range(layers)])

    def forward(self, x):
        for layer in self.layers:
            layer(x)
        return (x @ x.T) @ x


def test_work_between_modules_is_by_line():
    head, *rows = page_of(hookcount.count(Products(2), torch.zeros(3, 5))).tables[BETWEEN]
    assert head == ["line", "op", "in", "calls", "MACs", "FLOPs"]
    ((line, op, where, calls, macs, flops),) = rows  # both products are on one line
    assert line.startswith("test_tables.py:") or "test_tables.py:" in line
    assert (op, where, calls) == ("aten::mm", "(model)", "2")
    assert (int(macs), int(flops)) == (2 * 3 * 3 * 5, 2 * 2 * 3 * 3 * 5)


@pytest.mark.parametrize("name", EACH)
def test_lines_sum_to_what_the_card_says(name):
    report = counted(name)
    rows = page_of(report).tables.get(BETWEEN, [[]])[1:]
    assert len(rows) <= 30
    found = sum(value(row[4]) for row in rows if row[4])
    assert found == pytest.approx(report.coverage().macs_between, rel=0.006)


def test_many_lines_are_cut():
    lines = "\n".join(f"    x = x @ x  # {place}" for place in range(40))
    space = {}
    exec(compile(f"def forward(self, x):\n{lines}\n    return x", "many_lines.py", "exec"), space)
    model = type("Many", (nn.Module,), {"forward": space["forward"]})()
    page = page_of(hookcount.count(model, torch.zeros(4, 4)))
    assert len(page.tables[BETWEEN]) == 1 + 30
    assert "and 10 more, in report.coverage()" in page.text


def test_each_convention_has_its_figure():
    report = counted("resnet50")
    head, *rows = page_of(report).tables[UNDER]
    assert head == ["convention", "figure", "unit", "against default", "tested", "mirrors"]
    assert [row[0].partition(" ")[0] for row in rows] == list(CONVENTIONS)
    found = {row[0].partition(" ")[0]: row for row in rows}
    assert found["default"][:4] == ["default (this page)", f"{report.macs:,}", "MACs", "+0.00%"]
    for name, row in found.items():
        under = report.under(name)
        assert row[1:3] == [f"{under.headline:,}", under.unit]
        whole = report.macs if under.unit == "MACs" else report.flops
        assert float(row[3].rstrip("%")) == pytest.approx(
            100 * (under.headline / whole - 1), abs=0.0051
        )
        assert (row[4] == "exact") == CONVENTIONS[name].exact
        assert row[5] == CONVENTIONS[name].mirrors[:120]


def test_the_page_of_another_convention_is_against_the_default_too():
    report = counted("resnet50").under("thop")
    rows = {row[0]: row for row in page_of(report).tables[UNDER]}
    assert "thop (this page)" in rows
    assert rows["default"][1] == f"{counted('resnet50').macs:,}"
    own = Convention("mine </style>", "MACs", {"macs": 3})
    found = {row[0]: row for row in page_of(counted("resnet50").under(own)).tables[UNDER]}
    assert found["mine </style> (this page)"][3] == "+200.00%"


def test_a_formula_that_fails_has_a_line(monkeypatch):
    def fails(out):
        raise ValueError("</td>no shape")

    registry = hookcount.Registry()
    registry.register("aten::mm", fails)
    monkeypatch.setitem(CONVENTIONS, "mine", Convention("mine", formulas=registry))
    rows = page_of(hookcount.count(Products(1), torch.zeros(3, 5))).tables[UNDER]
    (row,) = [row for row in rows if row[0] == "mine"]
    assert row[1:4] == ["-", "MACs", ""]
    assert "ValueError: </td>no shape" in row[-1]


def test_a_report_from_a_file_says_what_it_lacks():
    page = page_of(hookcount.Report.from_json(counted("resnet50").to_json()))
    assert BETWEEN not in page.tables
    assert UNDER not in page.tables
    assert page.text.count("A report that was read from a file has none.") == 3


@pytest.mark.parametrize("name", ["resnet50", "llama", "shared", "no work"])
def test_the_link_holds_the_rows_as_csv(name):
    report = counted(name)
    ((file, link),) = page_of(report, title=name).links.items()
    assert file == f"{name.replace(' ', '_')}.csv"
    kind, _, data = link.partition(",")
    assert kind == "data:text/csv;charset=utf-8"
    assert not set(data) & set("#<>\"'\n\t&")  # a browser would cut, or change, the link
    text = unquote(data)
    assert text == report.to_csv()
    frame = pd.read_csv(io.StringIO(text))
    assert frame["own_macs"].sum() == report.macs


def test_names_in_the_link_are_no_formula():
    model = nn.Sequential()
    for name in ("=1+1", "@x", "a#b%20", 'q"t', "é</a>"):
        model.add_module(name, nn.Linear(2, 2))
    report = hookcount.count(model, torch.zeros(1, 2))
    ((_, link),) = page_of(report).links.items()
    paths = pd.read_csv(io.StringIO(unquote(link.partition(",")[2])))["path"].tolist()
    assert paths == ["(model)", "'=1+1", "'@x", "a#b%20", 'q"t', "é</a>"]


def test_a_large_model_has_no_link():
    def flat(count):
        widths = [8 + place % 37 for place in range(count + 1)]
        layers = [nn.Linear(*pair, device="meta") for pair in itertools.pairwise(widths)]
        return hookcount.count(nn.Sequential(*layers), torch.zeros(1, 8, device="meta"))

    assert page_of(flat(1_999)).links.keys() == {"Sequential.csv"}
    assert page_of(flat(2_000)).links == {}
    named = nn.Sequential()
    for place in range(200):
        named.add_module(f"{'w' * 3_000}{place}", nn.ReLU())
    assert page_of(hookcount.count(named, torch.zeros(1))).links == {}


def test_an_empty_model_has_a_page():
    class Empty(nn.Module):
        def forward(self, x):
            return x

    page = page_of(hookcount.count(Empty(), torch.zeros(1)))
    assert [row.cells[:2] for row in page.rows] == [["(model)", "Empty"]]
    assert "1 in 1 row." in " ".join(page.text.split())
    assert "No op that ran between modules has work." in page.text
    assert BETWEEN not in page.tables

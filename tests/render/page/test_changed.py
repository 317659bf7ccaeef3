"""The page of what changed between two counts."""

import pytest
import torch
from helpers.parsed import Page
from helpers.pictured import counted
from torch import nn

import hookcount
from hookcount.render.page.script import SCRIPT

HOSTILE = "</style><script>alert(1)</script>\x1b"


def count(wide, rows=1, more=()):
    model = nn.Sequential()
    model.add_module("a", nn.Linear(8, wide, bias=False))
    for name in more:
        model.add_module(name, nn.Linear(wide, wide, bias=False))
    return hookcount.count(model, torch.zeros(rows, 8))


def test_totals_and_rows():
    page = Page(count(6, more=["c"]).diff(count(4)).to_html())
    assert page.loads_something() == []
    assert page.scripts == [SCRIPT]
    text = " ".join(page.text.split())
    before, now = 8 * 4, 8 * 6 + 6 * 6
    assert f"+{now - before} MACs {before} → {now}, {100 * (now - before) / before:.1f}%" in text
    assert "2 modules changed 1 added, 1 changed" in text
    head, *rows = page.tables["Changed modules"]
    assert head == ["module", "type", "change", "MACs", "growth", "FLOPs", "growth", *head[7:]]
    assert head[7:] == ["params", "growth"]
    assert rows[0][:5] == ["c", "Linear", "added", str(6 * 6), f"+{6 * 6}"]
    assert rows[1][:5] == ["a", "Linear", "changed", str(8 * 6), f"+{8 * 6 - 8 * 4}"]
    assert "input" not in text


def test_another_input_and_a_convention():
    found = count(4, rows=3).under("torch").diff(count(4).under("torch"))
    text = " ".join(Page(found.to_html()).text.split())
    assert "input (1, 8) -> (3, 8)" in text
    assert f"+{2 * 2 * 8 * 4} torch (FLOPs) {2 * 8 * 4} → {3 * 2 * 8 * 4}, 200.0%" in text
    assert "params 32 " in text  # as before


def test_equal_counts():
    page = Page(count(4).diff(count(4)).to_html())
    assert "Sequential: nothing differs" in page.text
    assert page.tables == {}


def test_hostile_names_do_no_harm():
    found = count(4, more=[HOSTILE, "w" * 3000]).diff(count(4))
    for text in (found.to_html(), found._repr_html_()):
        page = Page(text)
        assert page.loads_something() == []
        assert page.scripts in ([SCRIPT], [])
        assert all(line.isprintable() for line in text.splitlines())
        assert len(text.encode()) < 20_000


def test_many_rows_are_cut():
    def wide(width):
        layers = [nn.Linear(width, width, device="meta") for _ in range(1_200)]
        return hookcount.count(nn.Sequential(*layers), torch.zeros(1, width, device="meta"))

    found = wide(9).diff(wide(8))
    page = Page(found.to_html())
    assert len(page.tables["Changed modules"]) == 1 + 1_000
    assert "And 200 more rows" in page.text
    shown = found._repr_html_()
    assert "And 1,180 more rows" in shown
    assert len(shown.encode()) <= 60_000


def test_it_is_written_to_a_file(tmp_path):
    path = tmp_path / "changed.html"
    found = counted("growing").diff(counted("flat"))
    assert found.to_html(path) is None
    assert path.read_text(encoding="utf-8") == found.to_html()
    with pytest.raises(OSError, match="cannot write"):
        found.to_html(tmp_path / "none" / "a.html")


def test_a_report_of_a_file_is_the_baseline():
    old = hookcount.Report.from_json(count(4).to_json())
    assert count(6).diff(old).to_html() == count(6).diff(count(4)).to_html()

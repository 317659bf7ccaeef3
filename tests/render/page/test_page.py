"""The page of a count, parsed as a browser does."""

import itertools
import json
import time
import warnings

import pytest
import torch
from helpers.paged import made, parsed
from helpers.parsed import Page, value
from helpers.pictured import EACH, counted
from torch import nn

import hookcount
from hookcount.analysis.folding.fold import folded
from hookcount.render.page.script import SCRIPT

IDS = {"modules", "between", "tables", "uncounted", "conventions", "words"} | {
    *("tab1", "tab2", "tab3"),
    *("figure1", "figure2", "figure3", "figure4"),
}
"""Those of a page without rows that cells lead to."""
HOSTILE = [
    "</script><script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "'\" onmouseover='alert(1)' x=\"",
    "a\nb\r\tc",
    "\x1b[31mred\x1b[0m",
    "w" * 3000 + "1",
    "w" * 3000 + "2",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt;",
    "<!--",
    "]]>",
    "\u202eevil\u202c",
    "\ud800",
    "javascript:alert(1)",
]


class Hostile(nn.Module):
    """Layers whose names are HTML and worse."""

    def __init__(self):
        super().__init__()
        for name in HOSTILE:
            self.add_module(name.replace(".", ""), nn.Linear(8, 8))

    def forward(self, x):
        for layer in self.children():
            x = layer(x)
        return x


@pytest.mark.parametrize("name", EACH)
def test_each_page_is_sound_and_loads_nothing(name):
    page = parsed(name)  # raises where tags are not balanced
    assert page.loads_something() == []
    assert page.scripts == [SCRIPT]
    links = [value for tag, key, value in page.attributes if (tag, key) == ("a", "href")]
    assert links
    assert {link[1:] for link in links if not link.startswith("data:text/csv")} <= page.ids
    labels = {value for tag, key, value in page.attributes if (tag, key) == ("label", "for")}
    assert labels == {"tab1", "tab2", "tab3"} | {
        f"figure{place}" for place in range(1, len(page.pictures) + 1)
    }
    assert labels <= page.ids


@pytest.mark.parametrize("name", EACH)
def test_each_page_is_small(name):
    assert len(made(name).encode()) <= (150_000 if name == "resnet50" else 500_000)


@pytest.mark.parametrize("name", EACH)
def test_the_rows_are_those_of_the_folded_tree(name):
    found, root = parsed(name).rows, folded(counted(name).tree)
    assert len(found) == sum(1 for _ in root)
    place = 0

    def walk(row, depth):
        nonlocal place
        shown = found[place]
        place += 1
        assert shown.depth == depth
        assert (shown.is_open is not None) == bool(row.children)
        assert shown.cells[0].removesuffix(" ?") == row.name
        assert (f"{row.count}x" in shown.cells) == (row.count > 1)
        for child in row.children:
            walk(child, depth + 1)

    walk(root, 0)


@pytest.mark.parametrize("name", EACH)
def test_own_figures_of_all_rows_sum_to_the_total(name):
    assert sum(row.own for row in parsed(name).rows) == counted(name).flops


@pytest.mark.parametrize("name", EACH)
def test_n_times_the_figure_of_one_is_the_share_on_each_row(name):
    report, page = counted(name), parsed(name)
    titles = page.titles
    macs = titles.index("MACs")
    assert titles[-1] == "% MACs"
    for row in page.rows:
        share, figure = row.cells[-1], row.cells[macs]
        assert bool(share) == bool(figure)
        if not share:
            continue
        times = int(row.cells[titles.index("")][:-1] or 1) if "" in titles else 1
        found = 100 * times * value(figure) / report.macs
        assert found == pytest.approx(100 * row.figures[-3] / report.macs, rel=0.006)
        if share == "<0.1%":
            assert found < 0.051
        else:
            assert found == pytest.approx(float(share.rstrip("%")), abs=0.051 + 0.0051 * found)


@pytest.mark.parametrize("name", EACH)
def test_the_tables_sum_to_the_total(name):
    report, page = counted(name), parsed(name)
    for title in ("By role", "By type", "By op"):
        head, *rows = page.tables.get(title, [["FLOPs"]])
        assert len(rows) <= 31
        place = head.index("FLOPs")
        found = sum(value(row[place]) for row in rows if row[place])
        assert found == pytest.approx(report.flops, rel=0.006)


def test_the_headline_figures_have_units():
    text = " ".join(parsed("resnet50").text.split())
    macs, params = 4_089_184_256, 25_557_032  # fvcore's and torchvision's figures
    assert f"4.09 G MACs {macs:,}" in text
    assert "<h1>the title <small>ResNet</small></h1>" in counted("resnet50").to_html(
        title="the title"
    )
    assert f"25.6 M parameters {params:,}" in text
    assert f"weights {4 * params:,} bytes as stored" in text
    assert "complete nothing that ran is uncounted" in text
    assert f"torch {torch.__version__}" in text
    assert f"hookcount {hookcount.__version__}" in text
    assert "convention: default" in text
    assert "input (1, 3, 224, 224)" in text


def test_a_convention_s_figure_has_its_name_and_its_unit():
    report = counted("resnet50").under("torch")
    page = Page(report.to_html())
    text = " ".join(page.text.split())
    assert report.unit == "FLOPs"
    assert f"FLOPs under torch {2 * 4_089_184_256:,}" in text
    assert page.tables["By type"][0][-4:] == ["torch (FLOPs)", "MACs", "FLOPs", "share"]
    assert page.titles[-4:] == ["torch (FLOPs)", "MACs", "FLOPs", "share"]
    assert sum(row.own for row in page.rows) == report.flops


def test_uncounted_work_is_said_first():
    class Unknown(nn.Module):
        def forward(self, x):
            return torch.linalg.eigvals(x)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hookcount.UncountedWarning)
        report = hookcount.count(nn.Sequential(nn.Linear(4, 4), Unknown()), torch.zeros(4, 4))
    assert report.uncounted
    page = Page(report.to_html())
    text = " ".join(page.text.split())
    assert "lower bound" in text
    assert "complete nothing that ran" not in text
    (row,) = page.tables["Uncounted"][1:]
    assert (row[0], row[1]) == (report.uncounted[0].target, "1")
    assert text.index(row[0]) < text.index("64 MACs 64") < text.index("Modules 3")
    assert [each.cells[0] for each in page.rows] == ["(model) ?", "0", "1 ?"]


def test_hostile_names_do_no_harm():
    report = hookcount.count(Hostile(), torch.zeros(1, 8))
    for title in ("", *HOSTILE):
        text = report.to_html(title=title)
        page = Page(text)
        assert page.loads_something() == []
        assert page.scripts == [SCRIPT]
        assert "img" not in page.tags
        assert len(page.rows) == 1 + len(HOSTILE)
        assert len({row.cells[0] for row in page.rows}) == len(page.rows)
        assert page.ids == IDS | {f"r{place}" for place in range(len(page.rows))}
        assert all(line.isprintable() for line in text.splitlines())
        assert len(text.encode()) < 90_000
    assert HOSTILE[0] in [row.cells[0] for row in page.rows]


def test_a_class_may_have_a_hostile_name_too():
    made = type("</title><script>\x1b", (nn.Linear,), {})(4, 4)
    page = Page(hookcount.count(nn.Sequential(made), torch.zeros(1, 4)).to_html())
    assert page.scripts == [SCRIPT]
    assert any("</title><script>" in cell for row in page.rows for cell in row.cells)


def test_sixteen_thousand_modules():
    widths = [8 + place % 37 for place in range(16_001)]  # no two beside each other are equal
    layers = [nn.Linear(*pair, device="meta") for pair in itertools.pairwise(widths)]
    report = hookcount.count(nn.Sequential(*layers), torch.zeros(1, 8, device="meta"))
    start = time.perf_counter()
    text = report.to_html()
    seconds = time.perf_counter() - start
    page = Page(text)
    assert len(page.rows) == 16_001
    assert page.rows[0].is_open
    assert len(text.encode()) <= 3_000_000
    assert seconds < 20  # a few seconds at most, on a machine that is busy
    assert sum(row.own for row in page.rows) == report.flops


def test_a_depth_and_each_module():
    report = counted("resnet50")
    page = Page(report.to_html(depth=1))
    assert {row.depth for row in page.rows if row.is_open} == {0}
    assert not any(row.is_open for row in Page(report.to_html(depth=0)).rows)
    whole = Page(report.to_html(fold=False))
    assert len(whole.rows) == sum(1 for _ in report.tree)
    assert sum(row.own for row in whole.rows) == report.flops


def test_a_report_from_a_file_has_a_page():
    report = hookcount.Report.from_json(counted("resnet50").to_json())
    page = Page(report.to_html())
    text = " ".join(page.text.split())
    assert "from a file" in text
    assert "Roles need the calls" in text
    assert page.rows == parsed("resnet50").rows


def test_a_part_has_a_page():
    report = counted("resnet50")["layer1"]
    page = Page(report.to_html(title="the first layer"))
    assert "the first layer" in page.text
    assert sum(row.own for row in page.rows) == report.flops


def test_it_is_written_to_a_file(tmp_path):
    path = tmp_path / "resnet50.html"
    assert counted("resnet50").to_html(path) is None
    assert path.read_text(encoding="utf-8") == made("resnet50")
    with pytest.raises(OSError, match="cannot write"):
        counted("resnet50").to_html(tmp_path / "none" / "a.html")


@pytest.mark.parametrize("hostile", ["</script><script>alert(1)</script>", "\x1b[31m\r\n<img>"])
def test_a_hostile_file_does_no_harm(hostile):
    whole = json.loads(hookcount.count(nn.Linear(2, 3), torch.zeros(1, 2)).to_json())
    whole |= {"versions": {hostile: hostile}, "convention": hostile}
    whole["modules"][0]["type"] = whole["model"] = whole["records"][0]["target"] = hostile
    whole["modules"][0]["input_shapes"], whole["input"] = hostile, [hostile]
    report = hookcount.Report.from_json(json.dumps(whole))
    old = hookcount.Report.from_json(json.dumps({**whole, "versions": {"a": hostile}}))
    for text in (report.to_html(), report._repr_html_(), report.diff(old).to_html()):
        page = Page(text)
        assert page.loads_something() == []
        assert page.scripts in ([SCRIPT], [])
        assert "img" not in page.tags
        assert all(line.isprintable() for line in text.splitlines())

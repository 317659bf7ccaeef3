"""A count as a figure of plotly."""

import json
import re
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.nested import check_sums
from helpers.pictured import EACH, counted
from torch import nn

import hookcount
from hookcount.render.figures.plot import KINDS

pytest.importorskip("plotly")

FIGURES = {
    "macs": lambda report: report.macs,
    "flops": lambda report: report.flops,
    "params": lambda report: report.params,
    "figure": lambda report: report.headline,
}
HOSTILE = (
    *("a\nb", "\x1b[31mred", "<b>bold</b>", "<a href='javascript:alert(1)'>x</a>", "$x^2$", "%{y}"),
    *("n" * 3000, "n" * 2999 + "m", "层" * 50, "</script><script>alert(1)</script>", "=1+1"),
)


def exact(line):
    """The integer in a line such as ``all: 1,234 MACs``."""
    return int(re.search(r"(\d[\d,]*) ", line).group(1).replace(",", ""))


def whole(trace, place):
    """The exact figure that the pointer shows for a cell or a bar."""
    lines = trace.hovertext[place].split("<br>")
    return exact(
        next(
            each
            for each in lines[1:]
            if re.match(r"(all: )?[\d,]+ ", each) and "modules; one" not in each
        )
    )


@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.parametrize("name", EACH)
def test_the_cells_in_a_cell_are_never_more_than_it(name, figure):
    report = counted(name)
    total = FIGURES[figure](report)
    if not total:
        with pytest.raises(hookcount.InputError, match="the model has no"):
            report.plot(figure=figure)
        return
    for kind in ("icicle", "treemap"):
        for options in ({}, {"depth": 2}, {"fold": False}):
            trace = report.plot(kind, figure, **options).data[0]
            check_sums(trace)
            assert trace.values[0] == whole(trace, 0) == total
            assert 1 < len(trace.ids) <= 300
            assert min(trace.values) > 0


@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.parametrize("name", EACH)
def test_all_bars_sum_to_the_total(name, figure):
    report = counted(name)
    total = FIGURES[figure](report)
    if not total:
        pytest.skip("nothing to draw")
    for kind, options in (("bars", {}), ("bars", {"depth": 1}), ("roles", {})):
        data = report.plot(kind, figure, **options).data
        bars = [(trace, place) for trace in data for place, _ in enumerate(trace.y)]
        assert sum(whole(*each) for each in bars) == total
        assert sorted(y for trace in data for y in trace.y) == list(range(len(bars)))
        assert len(bars) <= 31


def test_a_cell_of_equal_modules_is_as_large_as_all():
    trace = counted("llama").plot().data[0]
    place = trace.labels.index("gate_proj ×32")
    one = 16 * 64 * 128
    assert trace.values[place] == 32 * one
    path, kind, several, of_all, share, role = trace.hovertext[place].split("<br>")
    assert path == "<b>model.layers.0-31.mlp.gate_proj</b>"
    assert kind == "Linear"
    assert several == f"32 modules; one: {one:,} MACs"
    assert of_all == f"all: {32 * one:,} MACs"
    assert share == f"{100 * 32 * one / counted('llama').macs:.1f}% of all MACs"
    assert role == "feed-forward"


def test_what_a_module_did_itself_names_its_ops():
    trace = counted("held").plot().data[0]
    place = trace.labels.index("(itself) ×6")
    assert "bmm" in trace.hovertext[place] or "matmul" in trace.hovertext[place]
    assert trace.values[place] == 6 * 2 * 4 * 4 * 16  # two products in each of 6 blocks


def test_parameters_of_a_module_itself():
    """As the class token of a transformer of images."""
    model = nn.Sequential(nn.Linear(8, 8, bias=False))
    model.register_parameter("token", nn.Parameter(torch.zeros(50)))
    trace = hookcount.count(model, torch.zeros(1, 8)).plot(figure="params").data[0]
    assert trace.labels == ("Sequential", "0", "(itself)")
    assert trace.values == (64 + 50, 64, 50)


def test_shared_parameters_count_once():
    report = counted("shared")
    trace = report.plot(figure="params").data[0]
    assert trace.values[0] == report.params
    check_sums(trace)


def test_the_convention_has_its_figure_unit_and_name():
    report = counted("resnet50").under("torch")
    figure = report.plot("bars")
    assert figure.layout.xaxis.title.text == "torch FLOPs in G (1 G = 1e9)"
    assert "convention: torch" in figure.layout.title.text
    trace = report.plot().data[0]
    conv1 = 2 * 64 * 3 * 7 * 7 * 112 * 112
    assert trace.values[trace.labels.index("conv1")] == conv1
    assert trace.values[0] == report.headline


def test_the_title_names_the_model_and_the_convention():
    report = counted("resnet50")
    assert report.plot().layout.title.text.startswith("ResNet: 4.09 G MACs<br>")
    assert report.plot(title="mine").layout.title.text.startswith("mine: 4.09 G MACs<br>")
    assert "convention: default" in report.plot("roles").layout.title.text


def test_the_depth_is_that_of_a_tree():
    report = counted("resnet50")
    names = [each.name for each in report.tree.children if each.total.macs]
    trace = report.plot(depth=1).data[0]
    assert list(trace.labels[1:]) == names
    assert report.plot(depth=0).data[0].labels == ("ResNet",)
    assert report.plot(depth=np.int64(1)).data[0].labels == trace.labels
    ticks = report.plot("bars", depth=1).layout.yaxis.ticktext
    assert {each.removesuffix("&nbsp;") for each in ticks} == set(names)


def test_cells_have_the_colour_of_their_role():
    from hookcount.render.page.colours import ROLE_FILLS

    trace = counted("llama").plot().data[0]
    colour = dict(zip(trace.labels, trace.marker.colors, strict=True))
    assert colour["mlp ×32"] == ROLE_FILLS["feed-forward"][0]
    assert colour["(itself) ×32"] == ROLE_FILLS["attention products"][0]
    assert colour["model"] == "#ffffff"  # attention and feed-forward


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_names_do_no_harm(kind, tmp_path):
    model = nn.Sequential()
    for name in HOSTILE:
        model.add_module(name, nn.Linear(8, 8))
    report = hookcount.count(model, torch.zeros(1, 8))
    figure = report.plot(kind, title="<script>alert(1)</script>")
    made = json.loads(figure.to_json())
    data, layout = made["data"], made["layout"]
    keys = ("labels", "hovertext", "text")
    texts = [each for trace in data for key in keys for each in trace.get(key, ())]
    texts += [layout["title"]["text"], *layout.get("yaxis", {}).get("ticktext", ())]
    for text in texts:
        ours = re.sub(r"</?b>|<br>|<span style='font-size:12px'>|</span>", "", text)
        assert not set("<>$\n\x1b") & set(ours), text
        assert len(text) < 1000
    if kind != "roles":
        labels = data[0].get("labels") or layout["yaxis"]["ticktext"]
        assert len(set(labels)) == len(labels) >= len(HOSTILE)
    figure.write_html(tmp_path / "page.html", include_plotlyjs=False)
    assert "<script>alert(1)" not in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_figures_beyond_2_63_are_exact_for_a_pointer(kind):
    rows = 2**50 + 1
    model = nn.Sequential(nn.Linear(2**10, 2**10), nn.Linear(2**10, 2**11))
    with torch.device("meta"):
        report = hookcount.count(model.to("meta"), torch.zeros(rows, 2**10))
    assert report.macs == rows * (2**20 + 2**21) > 2**63
    data = report.plot(kind).data
    found = [whole(trace, place) for trace in data for place, _ in enumerate(trace.hovertext)]
    if kind == "roles":
        assert sum(found) == report.macs
    else:
        assert {rows * 2**20, rows * 2**21} <= set(found)
    if kind in ("icicle", "treemap"):
        check_sums(data[0])
    json.loads(report.plot(kind).to_json())


@pytest.mark.parametrize("kind", KINDS)
def test_16_000_modules_are_some_hundred_cells(kind):
    model = nn.Sequential(*[nn.Linear(8 + i % 97, 8 + (i + 1) % 97) for i in range(16_000)])
    report = hookcount.count(model, torch.zeros(1, 8))
    trace = report.plot(kind).data[0]
    assert len(trace.hovertext) <= 300
    if kind in ("icicle", "treemap"):
        check_sums(trace)
        assert sum(trace.values[1:]) == report.macs
        assert any("others)" in each for each in trace.labels)
    assert len(report.plot(kind).to_json()) < 300_000


def test_a_part_and_a_report_of_a_file():
    report = counted("resnet50")
    part = report["layer1"]
    assert part.plot().data[0].values[0] == report.tree["layer1"].total.macs
    stored = hookcount.Report.from_json(report.to_json())
    one, other = stored.plot().data[0], report.plot().data[0]
    assert (one.labels, one.values, one.parents) == (other.labels, other.values, other.parents)
    assert set(one.marker.colors) == {"#9ecbf5"}
    stored.plot("bars")
    with pytest.raises(hookcount.InputError, match="count the model again"):
        stored.plot("roles")


def test_weights_below_zero_do_no_harm():
    odd = replace(hookcount.Convention("odd"), weights={"macs": 1, "adds": -1})
    report = counted("resnet50").under(odd)
    check_sums(report.plot().data[0])


def test_uncounted_work_is_said():
    class Unknown(nn.Module):
        def forward(self, x):
            return torch.from_numpy(x.detach().numpy() * 2)

    with pytest.warns(hookcount.UncountedWarning):
        report = hookcount.count(nn.Sequential(nn.Linear(8, 8), Unknown()), torch.zeros(1, 8))
    assert "lower bound" in report.plot().layout.title.text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kind": "tremap"}, "'tremap'.*\n.*use one of treemap"),
        ({"kind": None}, "use one of icicle, treemap, bars, roles"),
        ({"figure": "mac"}, "'mac'.*\n.*use one of macs"),
        ({"figure": "seconds"}, "use one of macs, flops, params, figure"),
        ({"depth": -1}, "no number of levels"),
        ({"depth": "2"}, "no number of levels"),
    ],
)
def test_what_cannot_be_drawn(options, said):
    with pytest.raises(hookcount.InputError, match=said) as raised:
        counted("flat").plot(**options)
    assert "To fix it" in str(raised.value)


def test_a_model_without_products_says_what_it_has():
    with pytest.raises(hookcount.InputError, match="figure='flops' or figure='params'"):
        counted("no product").plot()
    assert counted("no product").plot(figure="flops").data[0].values[0] > 0
    with pytest.raises(hookcount.InputError, match="a model that does some work"):
        counted("no work").plot()


def test_without_plotly_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(hookcount.MissingPackageError, match="plot"):
        counted("flat").plot()

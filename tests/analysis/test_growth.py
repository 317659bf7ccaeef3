"""The plot of a difference."""

import pytest
import torch
from torch import nn

import hookcount

pytest.importorskip("plotly")


def count(*widths, start=8):
    layers, width = [], start
    for each in widths:
        layers.append(nn.Linear(width, each, bias=False))
        width = each
    return hookcount.count(nn.Sequential(*layers), torch.zeros(1, start))


def test_rows_that_grew_and_shrank_the_largest_first():
    before, now = count(16, 4), count(12, 64)
    figure = now.diff(before).plot()
    bars = {y: x for trace in figure.data for y, x in zip(trace.y, trace.x, strict=True)}
    assert [bars[y] for y in sorted(bars)] == [12 * 64 - 16 * 4, 8 * 12 - 8 * 16]
    assert [each.removesuffix("&nbsp;") for each in figure.layout.yaxis.ticktext] == ["1", "0"]
    assert figure.layout.xaxis.title.text == "growth of MACs"
    grown = 8 * 12 + 12 * 64 - (8 * 16 + 16 * 4)
    assert f"{grown:+,} MACs" in figure.layout.title.text
    assert f"+{12 * 64 - 16 * 4} MACs" in figure.data[0].hovertext[0]


def test_bars_sum_to_the_growth_of_the_total_also_with_many():
    before, now = count(*[8] * 60), count(*range(9, 69))
    difference = now.diff(before)
    for figure, grown in (("macs", difference.macs), ("params", difference.params)):
        drawn = difference.plot(figure)
        ends = [each.split("<br>")[-1] for trace in drawn.data for each in trace.hovertext]
        assert sum(int(each.split()[0].replace(",", "")) for each in ends) == grown
        assert len(ends) == 31


def test_the_figure_of_a_convention():
    before, now = count(16), count(24)
    figure = now.under("torch").diff(before.under("torch")).plot()
    assert figure.data[0].x == (2 * 8 * 24 - 2 * 8 * 16,)
    assert figure.layout.xaxis.title.text == "growth of torch (FLOPs)"


def test_nothing_to_draw():
    same = count(16).diff(count(16))
    with pytest.raises(hookcount.InputError, match="no module has more or fewer MACs"):
        same.plot()
    with pytest.raises(hookcount.InputError, match="no figure 'mac'"):
        same.plot("mac")

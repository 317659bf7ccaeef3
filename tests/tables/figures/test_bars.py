"""Bars to the right."""

import pytest

from hookcount.tables.figures.bars import Series, bars
from hookcount.tables.figures.figure import Heading

pytest.importorskip("plotly")


def series(name, unit, values):
    texts = ["" if each is None else str(each) for each in values]
    return Series(name, unit, values, texts, [(each,) for each in texts], "#123456")


def test_each_unit_has_a_panel_and_its_own_prefix():
    found = [series("a", "MACs", [10**9, 2]), series("b", "FLOPs", [5, 4])]
    figure = bars(["one", "two"], found, Heading("title"))
    assert [trace.xaxis for trace in figure.data] == ["x", "x2"]
    assert figure.data[0].x == (1, 2e-9)
    assert figure.layout.xaxis.title.text == "MACs in G (1 G = 1e9)"
    assert figure.layout.xaxis2.title.text == "FLOPs"
    assert figure.layout.xaxis.domain[1] < figure.layout.xaxis2.domain[0]


def test_a_missing_value_has_no_bar():
    (trace,) = bars(["one", "two"], [series("a", "MACs", [None, 3])], Heading("t")).data
    assert trace.y == (1,)
    assert trace.x == (3,)
    assert trace.hovertext == ("<b>3</b>",)


def test_equal_labels_have_a_bar_each():
    figure = bars(["same", "same"], [series("a", "MACs", [1, 2])], Heading("t"))
    assert figure.data[0].y == (0, 1)
    assert figure.layout.yaxis.ticktext == ("same&nbsp;", "same&nbsp;")


def test_the_first_label_is_at_the_top_and_many_bars_are_high():
    few = bars(["a"], [series("a", "MACs", [1])], Heading("t"))
    many = bars(list("a" * 30), [series("a", "MACs", [1] * 30)], Heading("t"))
    assert few.layout.yaxis.autorange == "reversed"
    assert few.layout.height < 400 < 30 * 20 < many.layout.height

"""Lines over a size."""

import pytest

from hookcount.tables.figures.figure import Heading
from hookcount.tables.figures.lines import Line, lines

pytest.importorskip("plotly")


def line(points, style="line"):
    return Line("a", points, [(str(n),) for n, _ in points], style, "#123456")


def test_both_axes_are_logarithmic_and_zero_is_left_out():
    figure = lines([line([(1, 0), (2, 10**9)])], "MACs", [1, 2], Heading("t"))
    assert figure.layout.xaxis.type == figure.layout.yaxis.type == "log"
    assert figure.data[0].x == (2,)
    assert figure.data[0].y == (1,)
    assert figure.layout.yaxis.title.text == "MACs in G (1 G = 1e9)"
    assert figure.layout.xaxis.tickvals == (1, 2)


def test_zeros_alone_are_on_a_linear_axis():
    figure = lines([line([(1, 0), (2, 0)])], "MACs", [1, 2], Heading("t"))
    assert figure.layout.yaxis.type == "linear"
    assert figure.data[0].y == (0, 0)


def test_many_sizes_have_the_ticks_of_plotly():
    sizes = list(range(1, 50))
    figure = lines([line([(n, n) for n in sizes])], "MACs", sizes, Heading("t"))
    assert figure.layout.xaxis.tickvals is None


def test_marks_are_not_joined():
    figure = lines([line([(1, 1)], "marks"), line([(1, 1)], "crosses")], "MACs", [1], Heading("t"))
    assert [trace.mode for trace in figure.data] == ["markers", "markers"]
    assert figure.data[1].marker.symbol == "x"

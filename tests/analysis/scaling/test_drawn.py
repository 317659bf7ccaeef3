"""The growth of counts as a figure."""

import json
import pickle

import pytest
import torch
from torch import nn

import hookcount

pytest.importorskip("plotly")

SIZES = [4, 8, 12, 16, 24]


class Net(nn.Module):
    """Its positions double where n is odd."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 6, bias=False)

    def forward(self, x):
        y = self.layer(x)
        return self.layer(x) if x.shape[0] % 2 else y @ y.T


def scaled(sizes=SIZES, model=None):
    return hookcount.scaling(model or Net(), lambda n: torch.zeros(n, 8), sizes)


def macs(n):
    return n * 8 * 6 + n * n * 6


def test_points_are_what_was_counted_and_the_line_is_the_polynomial():
    scaling = scaled()
    line, marks, *parts = scaling.plot().data
    assert (line.mode, marks.mode) == ("lines", "markers")
    assert marks.x == tuple(SIZES)
    assert marks.y == tuple(macs(n) / 1000 for n in SIZES)
    assert (line.x[0], line.x[-1]) == (4, 24)
    assert line.y == tuple(macs(n) / 1000 for n in line.x)
    assert len(line.x) > len(SIZES)
    assert {each.name for each in parts}
    layout = scaling.plot().layout
    assert layout.xaxis.type == layout.yaxis.type == "log"
    assert layout.yaxis.title.text == "MACs in k (1 k = 1e3)"
    assert "Net: MACs by size" in layout.title.text
    assert "6 n^2 + 48 n" in layout.title.text


def test_the_lines_of_roles_sum_to_that_of_the_model():
    figure = scaled().plot()
    points = [each for each in figure.data if each.mode == "markers"]
    for place, n in enumerate(SIZES):
        assert sum(each.y[place] for each in points[1:]) == pytest.approx(macs(n) / 1000)


def test_sizes_at_which_the_line_does_not_hold_are_crosses():
    figure = scaled([5, *SIZES]).plot()
    (crosses,) = [each for each in figure.data if each.marker.symbol == "x" and each.name == "Net"]
    assert crosses.x == (5,)
    assert crosses.y == (2 * 5 * 8 * 6 / 1000,)
    assert "does not hold" in crosses.hovertext[0]
    line = figure.data[0]
    assert all(n % 4 == 0 for n in line.x)


def test_no_polynomial_leaves_the_points():
    class Odd(nn.Module):
        def forward(self, x):
            return sum([x @ x.T for _ in range(1 + (x.shape[0] * 7919 % 13))])

    figure = scaled([5, 7, 9, 10, 12], Odd()).plot()
    assert {each.mode for each in figure.data} == {"markers"}
    assert figure.data[0].showlegend
    assert figure.data[0].x == (5, 7, 9, 10, 12)


def test_other_figures_and_the_convention():
    scaling = scaled()
    assert "FLOPs by size" in scaling.plot("flops").layout.title.text
    torch_like = hookcount.count(Net(), torch.zeros(4, 8)).under("torch")
    assert torch_like.convention.name == "torch"
    model = Net()
    report = hookcount.count(model, torch.zeros(4, 8)).under("torch")
    figure = report.scaling(lambda n: torch.zeros(n, 8), SIZES).plot()
    assert "convention: torch" in figure.layout.title.text
    assert figure.data[1].y == tuple(2 * macs(n) / 1000 for n in SIZES)
    assert "torch FLOPs" in figure.layout.yaxis.title.text
    again = pickle.loads(pickle.dumps(report.scaling(lambda n: torch.zeros(n, 8), SIZES)))
    assert again.plot().data[1].y == figure.data[1].y
    with pytest.raises(hookcount.InputError, match="use one of macs"):
        scaling.plot("mac")


def test_a_model_without_macs():
    figure = scaled(model=nn.ReLU()).plot()
    assert figure.layout.yaxis.type == "linear"
    assert set(figure.data[0].y) == {0}
    json.loads(figure.to_json())

"""The result of a count over a data set."""

import pickle
import statistics

import numpy
import pytest
import torch
from helpers.parsed import Page
from torch import nn

import hookcount
from hookcount.dataset.items import Item
from hookcount.dataset.report import DataSetReport

ROWS = [1, 4, 2, 4]


@pytest.fixture(scope="module")
def found():
    model = nn.Sequential(nn.Linear(8, 4, bias=False), nn.Linear(4, 2, bias=False))
    return hookcount.over(model, [torch.zeros(rows, 8) for rows in ROWS])


def figures(each):
    return [rows * each for rows in ROWS]


def test_statistics_are_those_of_numpy(found):
    macs = figures(8 * 4 + 4 * 2)
    assert found.macs.to_dict() == {
        "mean": numpy.mean(macs),
        "std": pytest.approx(numpy.std(macs)),
        "min": min(macs),
        "max": max(macs),
        "median": numpy.median(macs),
    }
    assert found.flops.mean == 2 * found.macs.mean


def test_a_row_per_module(found):
    frame = found.by_module().set_index("path")
    for path, cost in {"": 8 * 4 + 4 * 2, "0": 8 * 4, "1": 4 * 2}.items():
        assert frame.loc[path, "macs_mean"] == statistics.mean(figures(cost))
        assert frame.loc[path, "macs_max"] == 4 * cost
        assert frame.loc[path, "flops_median"] == statistics.median(figures(2 * cost))
    assert frame["type"].tolist() == ["Sequential", "Linear", "Linear"]


def test_under_a_convention(found):
    under = found.under("torch")
    assert under.unit == "FLOPs"
    assert under.headline.mean == statistics.mean(figures(2 * (8 * 4 + 4 * 2)))
    assert under.distinct == found.distinct == 3
    assert "torch (FLOPs)" in str(under)
    assert under.to_dataframe().attrs == {"convention": "torch", "unit": "FLOPs"}
    assert under.statistics()["figure"].tolist() == ["macs", "flops", "headline"]
    with pytest.raises(hookcount.InputError):
        found.under("torhc")


def test_text_and_html(found):
    assert str(found).startswith("4 items, 3 different counts\n")
    page = Page(found._repr_html_())
    ((head, *rows),) = page.tables.values()
    assert "4 items, 3 different counts" in page.text
    assert "median" in head
    assert [row[0] for row in rows] == ["macs", "flops"]
    assert page.loads_something() == []
    assert repr(found) == "<hookcount.DataSetReport items=4 distinct=3>"


def test_it_can_be_pickled(found):
    again = pickle.loads(pickle.dumps(found))
    assert again.macs == found.macs
    assert again.distinct == found.distinct
    assert again.to_dataframe().equals(found.to_dataframe())


def test_seconds(found):
    timed = DataSetReport(
        tuple(
            Item(each.index, each.inputs, each.report, seconds, 2 / seconds, {"": seconds})
            for each, seconds in zip(found.items, (0.5, 0.25, 0.25, 1.0), strict=True)
        )
    )
    assert timed.seconds.mean == 0.5
    assert timed.fps.to_dict() == {
        "mean": (2 + 4 + 4 + 1) / 4,
        "std": pytest.approx(numpy.std([2, 4, 4, 1])),
        "min": 1,
        "max": 4,
        "median": 3,
    }
    assert timed.to_dataframe()["samples_per_second"].tolist() == [4, 8, 8, 2]
    assert timed.by_module().set_index("path").loc["", "seconds_max"] == 1.0
    assert "2.0 FPS = 1 / mean seconds" in str(timed)
    with pytest.raises(hookcount.InputError, match="not timed"):
        found.seconds  # noqa: B018


def test_figures_beyond_64_bits_are_exact():
    with torch.device("meta"):
        model = nn.Linear(2**20, 2**20, bias=False)
        found = hookcount.over(model, [torch.zeros(2**25, 2**20), torch.zeros(2**26, 2**20)])
    assert found.to_dataframe()["macs"].tolist() == [2**65, 2**66]
    assert found.macs.mean == 2**64 + 2**65
    assert found.by_module()["macs_max"].tolist() == [2**66]

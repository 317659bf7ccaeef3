"""Cells within cells. plotly draws nothing if the cells in a cell are more than the cell."""

import json

import pytest
from helpers.nested import check_sums

from hookcount.tables.figures.figure import Heading
from hookcount.tables.figures.nested import Cell, nested

pytest.importorskip("plotly")


def cells(values, parents, labels=None):
    labels = labels or [str(place) for place, _ in enumerate(values)]
    return [
        Cell(label, value, parent, "text", ["path", "line"], "#123456")
        for label, value, parent in zip(labels, values, parents, strict=True)
    ]


@pytest.mark.parametrize("kind", ["icicle", "treemap"])
def test_cells_have_ids_and_parents(kind):
    figure = nested(kind, cells([9, 4, 5, 2], [None, 0, 0, 1], list("abab")), Heading("a"))
    trace = figure.data[0]
    assert trace.type == kind
    assert trace.ids == ("0", "1", "2", "3")
    assert trace.parents == ("", "0", "0", "1")
    assert trace.labels == ("a", "b", "a", "b")
    assert trace.values == (9, 4, 5, 2)
    check_sums(trace)


@pytest.mark.parametrize("large", [2**53 + 1, 2**64 + 1, 10**30 + 7, 10**400])
def test_cells_of_any_size_stay_within_their_parent(large):
    parts = [large // 3, large // 3 + 1, large - 2 * (large // 3) - 1]
    figure = nested("treemap", cells([large, *parts], [None, 0, 0, 0]), Heading("a"))
    check_sums(figure.data[0])
    assert all(float(each) == each < 2**53 for each in figure.data[0].values)
    shares = [each / figure.data[0].values[0] for each in figure.data[0].values[1:]]
    assert shares == pytest.approx([1 / 3] * 3)
    assert json.loads(figure.to_json())["data"][0]["values"] == list(figure.data[0].values)


def test_long_labels_are_cut_and_stay_different():
    labels = ["n" * 3000, "n" * 1500 + "m" + "n" * 1499, "n" * 3000]
    trace = nested("icicle", cells([3, 1, 1], [None, 0, 0], labels), Heading("a")).data[0]
    assert max(map(len, trace.labels)) <= 36
    assert trace.labels[0] == trace.labels[2] != trace.labels[1]


def test_a_key_says_what_colours_mean():
    key = [("norms", "#c9d3da"), ("several roles", "")]
    figure = nested("icicle", cells([1], [None]), Heading("a"), key)
    (text,) = figure.layout.annotations
    assert "color:#c9d3da" in text.text
    assert "several&nbsp;roles" in text.text
    assert not nested("icicle", cells([1], [None]), Heading("a")).layout.annotations


def test_many_levels_are_as_high_as_their_texts():
    deep = cells([1] * 60, [None, *range(59)])
    assert nested("icicle", deep, Heading("a")).layout.height > 60 * 30
    assert nested("icicle", deep[:5], Heading("a")).layout.height is None

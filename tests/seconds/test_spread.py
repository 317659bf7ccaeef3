"""Quartiles and the overhead, by hand."""

from hookcount.seconds.spread import Spread, overhead_of


def test_quartiles_of_five_times():
    assert Spread.of([5, 1, 4, 2, 3]) == Spread(1, 2, 3, 4, 5)


def test_quartiles_lie_between_times():
    assert Spread.of([0, 1, 2, 3]) == Spread(0, 0.75, 1.5, 2.25, 3)


def test_one_time():
    assert Spread.of([2.0]) == Spread(2, 2, 2, 2, 2)


def test_the_relative_spread():
    assert Spread.of([1, 2, 4, 6, 9]).relative == (6 - 2) / 4
    assert Spread.of([0.0]).relative == 0


def test_the_overhead_is_a_ratio_of_medians():
    assert overhead_of([11, 12, 99], [10, 10, 10]) == 1.2
    assert overhead_of([0], [0]) == 1

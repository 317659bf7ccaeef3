"""The total is divided among modules without a rest."""

import random

from hookcount.seconds.shares import own_medians, shared_out


def places(*paths):
    return [(path, "Module") for path in ("", *paths)]


def test_the_time_is_divided_by_weight():
    made = shared_out(1.0, {"": 1, "a": 1, "a.b": 2}, places("a", "a.b"), {"": 1, "a": 3})
    assert [(each.path, each.own_seconds, each.seconds, each.calls) for each in made] == [
        ("", 0.25, 1.0, 1),
        ("a", 0.25, 0.75, 3),
        ("a.b", 0.5, 0.5, 0),
    ]


def test_own_seconds_sum_to_the_total_exactly_in_any_order():
    numbers = random.Random(0)
    paths = [f"{index}" for index in range(300)]
    for _ in range(50):
        total = numbers.lognormvariate(-4, 3)
        own = {path: numbers.lognormvariate(10, 3) for path in paths}
        made = shared_out(total, own, places(*paths), {})
        seconds = [each.own_seconds for each in made]
        for _ in range(3):
            numbers.shuffle(seconds)
            assert sum(seconds) == total
        assert made[0].seconds == total
        assert min(seconds) >= 0


def test_a_parent_has_the_sum_of_its_children():
    own = {"": 3, "a": 5, "a.b": 7, "a.c": 11, "d": 13}
    made = {each.path: each for each in shared_out(0.039, own, places("a", "a.b", "a.c", "d"), {})}
    assert made["a"].seconds == sum(made[each].own_seconds for each in ("a", "a.b", "a.c"))
    assert abs(made["a"].seconds - 0.023) < 1e-12


def test_time_at_an_unknown_path_goes_to_the_nearest_place_above():
    made = shared_out(1.0, {"": 1, "a.<Other>.b": 1, "<Other>": 2}, places("a"), {})
    assert [each.own_seconds for each in made] == [0.75, 0.25]


def test_without_any_time_the_first_place_has_all():
    assert [each.own_seconds for each in shared_out(1.0, {}, places("a"), {})] == [1.0, 0.0]
    assert [each.own_seconds for each in shared_out(0.0, {"a": 1}, places("a"), {})] == [0.0, 0.0]


def test_the_median_of_several_runs():
    runs = [{"": 1, "a": 10}, {"": 2, "a": 30}, {"": 9}]
    assert own_medians(runs) == {"": 2, "a": 10}

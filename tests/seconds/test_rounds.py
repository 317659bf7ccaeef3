"""How often a forward runs: the warm-up until two medians agree, then plain and hooked by turns."""

import pytest
from helpers.ticking import ticking

from hookcount.observe.timed_run import Run
from hookcount.seconds.rounds import Rounds, agree, rounds

MS = 10**6


class Runs:
    """A forward that takes the given times, the last one for ever."""

    def __init__(self, clock, times):
        self.clock, self.times, self.hooked = clock, list(times), []

    def __call__(self, with_modules):
        self.hooked.append(with_modules)
        time = self.times.pop(0) if len(self.times) > 1 else self.times[0]
        self.clock.pass_(time)
        return Run(time, {"": time} if with_modules else None)


@pytest.fixture
def clock(monkeypatch):
    return ticking(monkeypatch)


def test_the_warm_up_ends_once_two_medians_agree(clock):
    runs = Runs(clock, [900 * MS, 50 * MS, 20 * MS, 12 * MS, 11 * MS, 10 * MS])
    done = rounds(runs, warmup=100, repeat=2, min_seconds=0, modules=False)
    # the medians of the last six runs, three and three, after each run from the sixth on:
    # 50 and 11, 20 and 10, 12 and 10, 11 and 10, 10 and 10
    assert len(done.warm_up) == 10
    assert done.settled


def test_the_warm_up_has_a_limit(clock):
    runs = Runs(clock, [2 ** (20 - index) * 1000 for index in range(20)])
    done = rounds(runs, warmup=7, repeat=1, min_seconds=0, modules=False)
    assert (len(done.warm_up), len(done.plain), done.settled) == (7, 1, False)


def test_the_warm_up_of_a_slow_forward_is_short(clock):
    done = rounds(Runs(clock, [2000 * MS]), warmup=10, repeat=1, min_seconds=0, modules=False)
    assert (len(done.warm_up), done.settled) == (2, True)


def test_no_warm_up(clock):
    done = rounds(Runs(clock, [MS]), warmup=0, repeat=3, min_seconds=0, modules=True)
    assert (done.warm_up, done.plain) == ((), (MS, MS, MS))


def test_plain_and_hooked_runs_take_turns(clock):
    runs = Runs(clock, [MS])
    done = rounds(runs, warmup=0, repeat=3, min_seconds=0, modules=True)
    assert runs.hooked == [False, True] * 3
    assert [each.own for each in done.hooked] == [{"": MS}] * 3


def test_more_runs_follow_until_the_time_has_passed(clock):
    runs = Runs(clock, [MS])
    done = rounds(runs, warmup=0, repeat=3, min_seconds=0.02, modules=True)
    assert len(done.plain) == 10  # a round has two runs of a millisecond


def test_a_hooked_run_that_fails_leaves_the_plain_ones(clock):
    runs = Runs(clock, [MS])

    def fails(with_modules):
        if with_modules:
            raise ValueError("no")
        return runs(False)

    done = rounds(fails, warmup=0, repeat=3, min_seconds=0, modules=True)
    assert (len(done.plain), done.hooked, done.failed) == (3, (), "ValueError: no")


def test_a_plain_run_that_fails_ends_all(clock):
    def fails(with_modules):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        rounds(fails, warmup=0, repeat=3, min_seconds=0, modules=True)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([10] * 5, False),  # too few
        ([10] * 6, True),
        ([100, 104, 90, 100, 95, 96], True),  # medians 100 and 96: within a twentieth
        ([100, 104, 90, 94, 93, 96], False),  # 100 and 94
        ([5, 5, 5, 100, 104, 90, 100, 95, 96], True),  # only the last six count
        ([0] * 6, True),
    ],
)
def test_two_medians_agree(times, expected):
    assert agree(times) is expected


def test_a_short_warm_up_is_not_called_unsettled():
    assert Rounds((5, 1), (1,), ()).settled
    assert not Rounds((6, 5, 4, 3, 2, 1), (1,), ()).settled

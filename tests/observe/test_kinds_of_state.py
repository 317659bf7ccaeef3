"""A count leaves every kind of state as it was, and each of its tries starts from that state."""

import concurrent.futures
import contextlib

import pytest
import torch
from helpers.kinds import KINDS
from helpers.snapshot import snapshot
from helpers.surroundings import put_back, random_state, surroundings
from torch.utils.hooks import RemovableHandle

import hookcount

pytestmark = pytest.mark.filterwarnings("error::hookcount.LeftBehindWarning")  # none is left here
RUNS = ("shapes", "real", "auto", "three tries")


def rows(index, name):
    """A kind in each run. The quick suite takes four kinds of seven, each in one of the runs."""
    for turn, run in enumerate(RUNS):
        slow = () if 2 * turn == index % 7 else (pytest.mark.slow,)
        yield pytest.param(name, run, marks=(*KINDS[name].marks, *slow), id=f"{name}-{run}")


ROWS = [row for index, name in enumerate(KINDS) for row in rows(index, name)]
NAMES = [
    pytest.param(name, marks=(*kind.marks, *([pytest.mark.slow] if index % 15 else [])))
    for index, (name, kind) in enumerate(KINDS.items())
]


def same_numbers(seed):
    """Twins draw the same numbers, and their hooks get the same ids."""
    torch.manual_seed(seed)
    RemovableHandle.next_id = (1 + seed) * 1_000_000


def made(name, *, asks=False):
    """A fresh sample: equal names give equal twins."""
    same_numbers(0)
    sample = KINDS[name].make()
    if asks:
        sample.model.asks = True
    return sample


def seen(sample):
    """All that is reachable from a sample."""
    return snapshot(model=sample.model, args=sample.args, kwargs=sample.kwargs, look=sample.look)


def changed(before, after):
    """The settings that differ."""
    return [
        f"{name}: {_brief(before[name], after[name])}"
        for name in before
        if before[name] != after[name]
    ]


def _brief(one, other):
    if isinstance(one, dict) and isinstance(other, dict):
        keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
        return {key: (one.get(key), other.get(key)) for key in keys}
    return f"{one!r:.100} -> {other!r:.100}"


def counted(sample, run):
    return hookcount.Counter(run=run).count(sample.model, *sample.args, **sample.kwargs).macs


def problems_of(kind, sample, run, wanted):
    """What is wrong after two counts of ``sample``. ``wanted``: its MACs, or an exception type."""
    before, settings, state = seen(sample), surroundings(), random_state()
    for time in ("first", "second"):
        try:
            found = counted(sample, run)
        except hookcount.DataNeededError as error:
            found = type(error)
        except Exception as error:
            found = repr(error)
            if run == "shapes" and kind.shapes_may_fail:
                found = wanted
        if run == "shapes" and found is hookcount.DataNeededError and not sample.model.asks:
            found = wanted
        if found != wanted:
            yield f"{time} count: {found}, not {wanted}"
        yield from (f"{time} count: {each}" for each in before.differences(seen(sample)))
        yield from (f"{time} count: {each}" for each in changed(settings, surroundings()))
        yield from (f"{time} count: {each}" for each in changed(state, random_state()))


def output(sample):
    """What a plain forward returns, and what it leaves."""
    same_numbers(1)
    out = sample.model(*sample.args, **sample.kwargs)
    out = out.detach().clone()
    return out, seen(sample)


@contextlib.contextmanager
def undone(*samples):
    """Undo the settings that the samples leave, and any that leaked."""
    with put_back():
        try:
            yield
        finally:
            for sample in samples:
                sample.undo()


def tried(kind, work, *args):
    """Run ``work``, in a thread of its own if the kind asks for that."""
    if not kind.own_thread:
        work(kind, *args)
        return
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(work, kind, *args).result()


def counts(kind, run):
    """Count a sample twice, and then run it beside a twin that was never counted."""
    asks = run == "three tries"
    sample, twin = made(kind.name, asks=asks), made(kind.name, asks=asks)
    with undone(sample, twin):
        problems = []
        if asks:
            problems += problems_of(kind, sample, "shapes", hookcount.DataNeededError)
            run = "auto"
        problems += problems_of(kind, sample, run, kind.macs)
        assert not problems, "\n".join(problems)
        out, left = output(sample)
        sample.undo()
        twins, twins_left = output(twin)
        assert out.dtype is twins.dtype
        assert torch.equal(out, twins)
        assert twins_left.differences(left, of_a_twin=True) == []


def forwards(kind):
    """Run a sample without a count."""
    sample = made(kind.name)
    with undone(sample):
        before, settings, state = seen(sample), surroundings(), random_state()
        sample.model(*sample.args, **sample.kwargs)
        traces = [
            *before.differences(seen(sample)),
            *changed(settings, surroundings()),
            *changed(state, random_state()),
        ]
    assert bool(traces) is not kind.leaves_nothing


@pytest.mark.parametrize(("name", "run"), ROWS)
def test_a_count_changes_nothing(name, run):
    tried(KINDS[name], counts, run)


@pytest.mark.parametrize("name", NAMES)
def test_a_forward_changes_it(name):
    """The test above is worth something only if a plain forward leaves a trace."""
    tried(KINDS[name], forwards)


@pytest.mark.parametrize("step", [16, pytest.param(1, marks=pytest.mark.slow)])
def test_a_sample_has_equal_snapshots(step):
    """The snapshot itself changes nothing, and twins have equal values."""
    for name, kind in list(KINDS.items())[::step]:
        if not kind.marks:
            sample = made(name)
            with undone(sample):
                assert seen(sample).differences(seen(sample)) == [], name
                assert seen(sample).differences(seen(made(name)), of_a_twin=True) == [], name


def test_the_table_is_long():
    assert len(KINDS) > 90

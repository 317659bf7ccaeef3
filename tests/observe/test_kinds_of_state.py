"""A count leaves every kind of state as it was, and each of its tries starts from that state."""

import contextlib
import gc

import pytest
import torch
from helpers.kinds import KINDS
from helpers.snapshot import snapshot
from helpers.surroundings import random_state, surroundings
from torch.utils.hooks import RemovableHandle

import hookcount

RUNS = ("shapes", "real", "auto", "three tries")
NAMES = [pytest.param(name, marks=each.marks) for name, each in KINDS.items()]


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
    return snapshot(
        model=sample.model, args=sample.args, kwargs=sample.kwargs, look=sample.look
    )


def changed(before, after):
    """The names of the settings that differ."""
    return [f"{name}: {before[name]} -> {after[name]}" for name in before if before[name] != after[name]]


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
    try:
        yield
    finally:
        for sample in samples:
            sample.undo()
        gc.enable()
        torch.set_grad_enabled(True)


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("name", NAMES)
def test_a_count_changes_nothing(name, run):
    kind, asks = KINDS[name], run == "three tries"
    sample, twin = made(name, asks=asks), made(name, asks=asks)
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


@pytest.mark.parametrize("name", NAMES)
def test_a_forward_changes_it(name):
    """The test above is worth something only if a plain forward leaves a trace."""
    sample = made(name)
    with undone(sample):
        before, settings, state = seen(sample), surroundings(), random_state()
        sample.model(*sample.args, **sample.kwargs)
        traces = [
            *before.differences(seen(sample)),
            *changed(settings, surroundings()),
            *changed(state, random_state()),
        ]
    assert bool(traces) is not KINDS[name].leaves_nothing


def test_a_sample_has_equal_snapshots():
    """The snapshot itself changes nothing, and twins have equal values."""
    for name, kind in KINDS.items():
        if not kind.marks:
            sample = made(name)
            with undone(sample):
                assert seen(sample).differences(seen(sample)) == [], name
                assert seen(sample).differences(seen(made(name)), of_a_twin=True) == [], name


def test_the_table_is_long():
    assert len(KINDS) > 90

"""A count leaves the garbage collector alone: its collections do not fall on the next line."""

import functools
import gc

import pytest
import torch
from torch import nn

import hookcount


def full_collections(*actions):
    """The collections of the oldest generation in each action."""
    found, begun = [], []

    def note(phase, info):
        if phase == "start" and info["generation"] == 2:
            begun.append(1)

    gc.callbacks.append(note)
    try:
        for action in actions:
            begun.clear()
            action()
            found.append(len(begun))
    finally:
        gc.callbacks.remove(note)
    return found


def test_a_forward_after_a_count_has_no_more_full_collections_than_one_before():
    before = after = 0
    reports = []
    for n in range(50):
        model = nn.Sequential(*[nn.Linear(4, 4) for _ in range(1 + 8 * n)])
        x = torch.zeros(2, 4)
        forward = functools.partial(model, x)
        count = functools.partial(hookcount.count, model, x)
        found = full_collections(forward, lambda count=count: reports.append(count()), forward)
        before, after = before + found[0], after + found[2]
    assert after <= before


@pytest.mark.parametrize("run", ["shapes", "real"])
def test_the_collector_is_on_in_a_count(run):
    class Asks(nn.Module):
        def forward(self, x):
            seen.append((gc.isenabled(), gc.get_threshold()))
            return x + 1

    seen = []
    threshold = gc.get_threshold()
    hookcount.Counter(run=run).count(Asks(), torch.zeros(3))
    assert set(seen) == {(True, threshold)}
    gc.disable()
    try:
        hookcount.Counter(run=run).count(Asks(), torch.zeros(3))
        assert seen[-1] == (False, threshold)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_forward_may_collect():
    class Collects(nn.Module):
        def forward(self, x):
            was = gc.isenabled()
            gc.disable()
            gc.collect()
            if was:
                gc.enable()
            return x @ x

    assert hookcount.count(Collects(), torch.zeros(3, 3)).macs == 3 * 3 * 3
    assert gc.isenabled()

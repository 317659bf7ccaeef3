"""A value that is computed when it is first read."""

import threading

import pytest
import torch
from torch import nn

import hookcount
from hookcount import Ops
from hookcount.core.lazily import lazily


class Reads:
    def __init__(self):
        self.times = 0

    @lazily
    def value(self):
        """What it is."""
        self.times += 1
        if self.times == 1:
            raise ValueError("the first time")
        return self.times


def test_it_is_computed_once_and_an_error_is_not_kept():
    reads = Reads()
    with pytest.raises(ValueError, match="the first time"):
        _ = reads.value
    assert [reads.value, reads.value, reads.times] == [2, 2, 2]
    assert Reads.value.__doc__ == "What it is."


def test_a_formula_may_wait_for_a_count_in_another_thread():
    """The two counts price their traces at the same time."""

    class Waits(nn.Module):
        def forward(self, x):
            return x * 2

    registry, begun, ended = hookcount.Registry(), threading.Event(), threading.Event()

    @registry.register(Waits)
    def formula(x):
        begun.set()
        assert ended.wait(30)
        return Ops(muls=x.numel())

    def other():
        assert begun.wait(30)
        found.append(hookcount.count(nn.Linear(3, 4), torch.zeros(2, 3)).macs)
        ended.set()

    found = []
    thread = threading.Thread(target=other, daemon=True)
    thread.start()
    assert hookcount.Counter(registry).count(Waits(), torch.zeros(5)).total == Ops(muls=5)
    thread.join(30)
    assert found == [2 * 3 * 4]

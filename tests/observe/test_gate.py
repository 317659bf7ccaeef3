"""While a training step is counted on shapes, other threads do not meet the meta parameters."""

import queue
import threading

import pytest
import torch
from torch import nn

import hookcount
from hookcount import Training
from hookcount.observe.undo import turns

SHAPES = Training(counter=hookcount.Counter(run="shapes"))
X = torch.ones(2, 8)


class Slow(nn.Module):
    """Its forward lasts until it is told to go on."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(8, 8), nn.LSTM(8, 8)
        self.entered, self.goes_on = threading.Event(), threading.Event()

    def forward(self, x):
        x = self.a(x)
        self.entered.set()
        assert self.goes_on.wait(60)
        return self.b(x)[0]


def started(function):
    found = queue.Queue()
    thread = threading.Thread(target=lambda: found.put(function()))
    thread.start()
    return thread, found


def test_a_count_waits_for_a_thread_that_runs_the_model():
    model = Slow()
    thread, outs = started(lambda: model(X))
    assert model.entered.wait(60)
    counting, reports = started(lambda: SHAPES.count(model, X))
    counting.join(0.3)
    assert counting.is_alive()
    assert not model.a.weight.is_meta
    model.goes_on.set()
    for each in (thread, counting):
        each.join(60)
    assert outs.get(timeout=1).isfinite().all()
    assert reports.get(timeout=1).macs > 0


def test_a_count_is_refused_if_the_thread_does_not_leave_the_model(monkeypatch):
    monkeypatch.setattr(turns, "PATIENCE", 0.1)
    model = Slow()
    thread, _ = started(lambda: model(X))
    assert model.entered.wait(60)
    try:
        with pytest.raises(hookcount.ModelError, match="another thread runs the model"):
            SHAPES.count(model, X)
    finally:
        model.goes_on.set()
        thread.join(60)


@pytest.mark.parametrize("what", ["call", "part", "state_dict", "parameters", "zero_grad"])
def test_a_thread_waits_for_a_count(what):
    model = nn.Sequential(nn.Linear(8, 8), nn.LSTM(8, 8))
    does = {
        "call": lambda: [model(X)[0]],
        "part": lambda: [model[1](X)[0]],
        "state_dict": lambda: list(model.state_dict().values()),
        "parameters": lambda: list(model.parameters()),
        "zero_grad": lambda: [model.zero_grad() or torch.ones(1)],
    }
    tasks, found = queue.Queue(), queue.Queue()
    thread = threading.Thread(target=lambda: found.put(tasks.get()()))
    thread.start()  # it is not the count that starts it
    early = []

    def loss(out):
        tasks.put(does[what])
        thread.join(0.2)
        early.append(not thread.is_alive())
        return out[0].sum()

    Training(loss, counter=hookcount.Counter(run="shapes")).count(model, X)
    thread.join(60)
    assert early == [False]
    assert not any(each.is_meta for each in found.get(timeout=1))


def test_threads_run_a_model_while_it_is_counted():
    model, stop, failed = nn.Sequential(nn.Linear(8, 8), nn.LSTM(8, 8)), threading.Event(), []

    def run():
        try:
            while not stop.is_set():
                assert not model(X)[0].is_meta
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for each in threads:
        each.start()
    loss = lambda out: out[0].sum()  # noqa: E731
    try:
        macs = {
            Training(loss, counter=hookcount.Counter(run="shapes")).count(model, X).macs
            for _ in range(5)
        }
    finally:
        stop.set()
        for each in threads:
            each.join(60)
    assert failed == []
    assert macs == {2 * 8 * 8 + 2 * 4 * 8 * (8 + 8)}


def test_a_thread_that_the_forward_starts_does_not_wait():
    class Threaded(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(8, 8)

        def forward(self, x):
            thread, found = started(lambda: self.a(x))
            thread.join(60)
            return found.get(timeout=1)

    assert SHAPES.count(Threaded(), X).macs == 2 * 8 * 8

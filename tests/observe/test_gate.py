"""While a training step is counted on shapes, other threads do not meet the meta parameters."""

import copy
import pickle
import queue
import threading

import pytest
import torch
from torch import nn
from torch.func import functional_call

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


MODEL = {
    "call": (lambda model: [model(X)[0]], True),
    "part": (lambda model: [model[1](X)[0]], True),
    "to": (lambda model: list(model.to(torch.float64).parameters()), True),
    "load_state_dict": (
        lambda model: model.load_state_dict(model.state_dict()) and list(model.parameters()),
        True,
    ),
    "functional_call": (
        lambda model: [functional_call(model, dict(model.named_parameters()), (X,))[0]],
        True,
    ),
    "state_dict": (lambda model: list(model.state_dict().values()), False),
    "parameters": (lambda model: list(model.parameters()), False),
    "zero_grad": (lambda model: [model.zero_grad() or torch.ones(1)], False),
    "attribute": (lambda model: [model[0].weight, model[0].bias], False),
    "copy": (lambda model: list(copy.deepcopy(model[0]).parameters()), False),
    "pickle": (lambda model: list(pickle.loads(pickle.dumps(model[0])).parameters()), False),
}
"""What a thread does to a model, and whether it waits for the end of a count."""


@pytest.mark.parametrize("run", ["shapes", "real"])
@pytest.mark.parametrize("what", MODEL)
def test_a_thread_sees_the_models_own_parameters(what, run):
    model = nn.Sequential(nn.Linear(8, 8), nn.LSTM(8, 8))
    own = [each.data_ptr() for each in model.parameters()]
    does, waits = MODEL[what]
    tasks, found = queue.Queue(), queue.Queue()
    thread = threading.Thread(target=lambda: found.put(tasks.get()(model)))
    thread.start()  # it is not the count that starts it
    early = []

    def loss(out):
        tasks.put(does)
        thread.join(0.2 if waits else 60)
        early.append(not thread.is_alive())
        return out[0].sum()

    optimizer = torch.optim.SGD
    Training(loss, optimizer, counter=hookcount.Counter(run=run)).count(model, X)
    thread.join(60)
    assert early == [not waits]
    seen = found.get(timeout=1)
    assert not any(each.is_meta for each in seen)
    if what in ("parameters", "attribute"):
        assert [each.data_ptr() for each in seen] == own[: len(seen)]


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

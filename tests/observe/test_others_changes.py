"""What another thread does to a model stays, though a count of the model puts back its own."""

import threading

import pytest
import torch
from torch import nn

import hookcount

X = torch.ones(2, 4)


class Meets(nn.Module):
    """Its forward changes what ``own`` says, and waits for the other thread."""

    def __init__(self):
        super().__init__()
        self.a, self.norm = nn.Linear(4, 4), nn.BatchNorm1d(4)
        self.rate = 1
        self.register_buffer("old", torch.zeros(1))
        self.waits, self.inside, self.goes_on = False, threading.Event(), threading.Event()

    def forward(self, x):
        if self.waits:
            self.own = self.norm.mine = 5
            self.inside.set()
            assert self.goes_on.wait(60)
        return self.norm(self.a(x))


def new_layer(model):
    model.a = nn.Linear(4, 4, bias=False)
    return lambda: model.a.bias is None


def new_buffer(model):
    model.a.register_buffer("scale", torch.ones(4))
    return lambda: "a.scale" in model.state_dict()


def evaluates(model):
    model.eval()
    return lambda: not any(each.training for each in model.modules())


def moves(model):
    model.to(torch.float64)
    held = [*model.parameters(), model.norm.running_mean]
    return lambda: all(
        now is each and each.dtype == torch.float64
        for now, each in zip([*model.parameters(), model.norm.running_mean], held, strict=True)
    )


def sets(model):
    model.rate = 2
    model.norm.momentum = None
    return lambda: (model.rate, model.norm.momentum) == (2, None)


def removes(model):
    del model.rate
    del model.old
    return lambda: not hasattr(model, "rate") and "old" not in model.state_dict()


CHANGES = (new_layer, new_buffer, evaluates, moves, sets, removes)


@pytest.mark.parametrize("run", ["shapes", "real"])
@pytest.mark.parametrize("change", CHANGES, ids=lambda each: each.__name__)
def test_what_another_thread_changes_during_a_count_stays(change, run):
    model = Meets()
    model.waits = True
    found = []

    def other():
        assert model.inside.wait(60)
        found.append(change(model))
        model.goes_on.set()

    thread = threading.Thread(target=other)
    thread.start()
    try:
        hookcount.Counter(run=run).count(model, X)
    except RuntimeError:
        assert change is moves  # the forward then meets weights of another dtype than its input
    thread.join(60)
    assert found[0]()
    assert not hasattr(model, "own")
    assert not hasattr(model.norm, "mine")
    model.waits = False


def test_what_the_forward_changes_is_put_back_beside_another_thread():
    class Changes(nn.Linear):
        def forward(self, x):
            self.eval()
            self.count = 1
            self.register_buffer("made", x)
            self.to(torch.float64).to(torch.float32)
            return super().forward(x)

    model, stop = Changes(4, 4), threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    own = [each.data_ptr() for each in model.parameters()]
    try:
        hookcount.Counter(run="shapes").count(model, X)
    finally:
        stop.set()
        thread.join()
    assert model.training
    assert not hasattr(model, "count")
    assert list(model.state_dict()) == ["weight", "bias"]
    assert [each.data_ptr() for each in model.parameters()] == own

"""While a training step is counted, other threads do not meet the parameters of the run."""

import copy
import pickle
import queue
import sys
import threading
import time

import pytest
import torch
from helpers.at_once import at_once
from torch import nn
from torch.func import functional_call

import hookcount
from hookcount import Training
from hookcount.observe.undo import turns

SHAPES_COUNTER = hookcount.Counter(run="shapes")
SHAPES = Training(counter=SHAPES_COUNTER)
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


def trained(model, steps=20):
    """The losses of a training with everything that a loop does, and the state afterwards."""
    torch.manual_seed(3)
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=0.01), []
    for index in range(steps):
        optimizer.zero_grad()
        loss = model(torch.randn(6, 4)).pow(2).mean() + 0.01 * model[0].weight.norm()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if index % 6 == 5:
            model.eval()
            losses.append(model(torch.ones(2, 4)).sum().item())
            model.load_state_dict(model.train().state_dict())
    state = [each.numpy().tobytes() for each in model.state_dict().values()]
    return losses, state, [each.grad.numpy().tobytes() for each in model.parameters()]


def net():
    torch.manual_seed(1)
    layers = (nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 2))
    return nn.Sequential(*layers)


@pytest.fixture
def threads_switch_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("run", ["shapes", "real", "shapes and real"])
def test_a_training_goes_on_bit_for_bit_beside_counts(run, threads_switch_often):
    alone, model, found, done = trained(net()), net(), [], threading.Event()
    counted = dict.fromkeys(run.split(" and "), 0)
    begun = threading.Barrier(1 + len(counted), timeout=60)

    def train():
        try:
            begun.wait()  # until each kind has counted once
            found.append(trained(model))
        finally:
            done.set()

    def counting(how):
        training = Training(optimizer=torch.optim.AdamW, counter=hookcount.Counter(run=how))
        while not done.is_set():
            report = training.count(model, torch.ones(3, 4))
            # the first layer's input needs no gradient
            wanted = (3 * (4 * 8 + 8 * 2), 3 * (4 * 8 + 2 * 8 * 2))
            assert (report.macs, report.backward.macs) == wanted
            counted[how] += 1
            if counted[how] == 1:
                begun.wait()

    at_once(train, *(lambda how=how: counting(how) for how in counted))
    assert found == [alone]
    assert all(counted.values())
    assert {type(each._parameters) for each in model.modules()} == {dict}


@pytest.mark.parametrize("run", ["shapes", "real"])
def test_a_waiting_thread_goes_before_the_next_count(run):
    """Ten forwards beside a loop of counts: at most two counts begin before each has its turn."""
    model, counter, stop = net(), hookcount.Counter(run=run), threading.Event()
    begun, waits = [0], []

    def loss(out):
        begun[0] += 1
        return out.sum()

    training = Training(loss, counter=counter)
    training.count(model, torch.ones(3, 4))

    def count():
        while not stop.is_set():
            training.count(model, torch.ones(3, 4))

    def run_model():
        try:
            for _ in range(10):
                before = begun[0]
                model(torch.ones(3, 4))
                waits.append(begun[0] - before)
        finally:
            stop.set()

    at_once(count, run_model)
    assert max(waits) <= 2


ran = []
"""The counts in the order of their forwards. A count does not put back global variables."""


class Ordered(nn.Linear):
    """Notes which count runs it. The first one lasts until it is told to go on."""

    def __init__(self):
        super().__init__(8, 8)
        self.entered, self.goes_on = threading.Event(), threading.Event()

    def forward(self, x, index):
        if index == "first":
            self.entered.set()
            assert self.goes_on.wait(20)
        ran.append(index)
        return super().forward(x)


def test_counts_have_their_turns_in_the_order_they_came():
    model, line = Ordered(), []

    def count(*indices):
        for index in indices:
            hookcount.Counter(run="real").count(model, X, index)

    def others():
        assert model.entered.wait(20)
        for index in range(4):
            line.append(threading.Thread(target=count, args=(index,)))
            line[-1].start()
            until = time.monotonic() + 20
            while len(turns._line) <= index and time.monotonic() < until:
                time.sleep(0.005)
        model.goes_on.set()

    at_once(lambda: count("first", "again"), others)
    for each in line:
        each.join(20)
    assert ran == ["first", 0, 1, 2, 3, "again"]


@pytest.mark.parametrize("run", ["shapes", "real"])
@pytest.mark.parametrize("does", ["calls it", "counts it", "counts its training"])
def test_two_counts_whose_losses_use_each_others_model(run, does):
    """Neither waits for ever. One of them may say that it cannot be done."""
    one, other, meet = net(), net(), threading.Barrier(2)
    counter, refused = hookcount.Counter(run=run), []

    def count(mine, its):
        met = []

        def loss(out):
            if not met:
                met.append(meet.wait(20))
            if does == "calls it":
                return out.sum() + its(torch.ones(3, 4)).sum()
            made = Training(counter=counter) if "training" in does else counter
            assert made.count(its, torch.ones(3, 4)).macs == 3 * (4 * 8 + 8 * 2)
            return out.sum()

        try:
            assert Training(loss, counter=counter).count(mine, torch.ones(3, 4)).macs >= 144
        except hookcount.ModelError as error:
            refused.append(error)

    began = time.monotonic()
    at_once(lambda: count(one, other), lambda: count(other, one))
    assert time.monotonic() - began < 30
    assert len(refused) <= (does == "counts its training")
    for each in (*one.parameters(), *other.parameters()):
        assert not each.is_meta
        assert each.grad is None


@pytest.mark.parametrize("form", ["wrapper", "method"])
@pytest.mark.parametrize("counts", [SHAPES, hookcount.Counter(run="shapes")])
def test_a_compiled_model_trains_beside_counts(form, counts):
    def make():
        model = net()
        if form == "wrapper":
            return model, torch.compile(model, backend="eager")
        model.compile(backend="eager")
        return model, model

    def train(model):
        torch.manual_seed(3)
        optimizer, losses = torch.optim.SGD(model.parameters(), lr=0.1), []
        for _ in range(20):
            optimizer.zero_grad()
            loss = model(torch.randn(6, 4)).pow(2).mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    alone, (model, compiled), found, done = train(make()[1]), make(), [], threading.Event()

    def training():
        try:
            found.append(train(compiled))
        finally:
            done.set()

    def counting():
        while not done.is_set():
            counts.count(model, torch.ones(3, 4))

    at_once(training, counting)
    assert found == [alone]


@pytest.mark.parametrize("run", ["shapes", "real"])
def test_a_watch_of_the_same_model_is_no_part_of_a_count(run):
    """A thread in a ``watch`` block trains the model's own parameters."""
    model, watched = net(), []
    entered, inside, goes_on = threading.Event(), threading.Event(), threading.Event()

    def loss(out):
        inside.set()
        assert goes_on.wait(20)
        return out.sum()

    def watch():
        with Training().watch(model) as found:
            entered.set()
            assert inside.wait(20)
            threading.Timer(0.2, goes_on.set).start()
            out = model(torch.ones(3, 4))
            assert not out.is_meta
            out.sum().backward()
        watched.append(found.report())

    def count():
        assert entered.wait(20)
        Training(loss, counter=hookcount.Counter(run=run)).count(model, torch.ones(3, 4))

    at_once(count, watch)
    assert watched[0].backward.macs == 3 * (4 * 8 + 2 * 8 * 2)
    assert {node.path for node in watched[0].backward.tree if node.own.macs} == {"0", "4"}
    assert all(each.grad is not None for each in model.parameters())


@pytest.mark.parametrize("run", ["shapes", "real"])
def test_a_hook_of_a_parameter_runs(run):
    """Its product of the gradient [2, 4] with [4, 4] belongs to the backward pass."""
    model = nn.Linear(4, 2, bias=False)
    model.weight.register_hook(lambda grad: grad @ torch.ones(4, 4, device=grad.device))
    report = Training(counter=hookcount.Counter(run=run)).count(model, torch.ones(3, 4))
    assert report.backward.macs == 3 * 4 * 2 + 2 * 4 * 4
    assert model.weight.grad is None


def test_real_counts_share_the_memory_of_no_trained_parameter():
    """Tied weights and views of one memory stay so. Frozen parameters are used as they are."""

    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.frozen = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
            self.b.weight = self.a.weight
            self.register_buffer("view", self.a.bias.detach()[1:])
            self.frozen.requires_grad_(False)
            self.seen = []

        def forward(self, x):
            tensors = (self.a.weight, self.b.weight, self.a.bias, self.view, self.frozen.weight)
            memory.append([each.untyped_storage().data_ptr() for each in tensors])
            return self.frozen(self.b(self.a(x)))

    memory, model = [], Tied()
    model(torch.ones(2, 4))
    Training(counter=hookcount.Counter(run="real")).count(model, torch.ones(2, 4))
    own, its = memory
    assert its[0] == its[1]
    assert its[2] == its[3]
    assert its[4] == own[4]
    assert not {*its[:4]} & {*own}

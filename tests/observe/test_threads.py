"""Counts in several threads: each is right, and no other thread notices them."""

import contextlib
import gc
import random
import subprocess
import sys
import threading
import warnings

import numpy
import pytest
import torch
from helpers.at_once import at_once
from helpers.snapshot import snapshot
from helpers.surroundings import random_state, surroundings
from torch import nn

import hookcount
from hookcount import Ops
from hookcount.observe.undo import others

RUNS = ("shapes", "real", "auto")


@pytest.fixture(autouse=True)
def threads_switch_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield
    sys.setswitchinterval(before)


class Reads(nn.Module):
    """Needs values, so that shapes alone need its fake."""

    def forward(self, x):
        return x * x.sum().item()


class Cast(nn.Module):
    """As older transformers do in each rotary embedding."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, x):
        with torch.autocast(device_type=x.device.type, enabled=False):
            return self.layer(x)


class Cached(nn.Module):
    """Its layer sees all entries of the cache."""

    def __init__(self):
        super().__init__()
        self.p = nn.Linear(4, 5, bias=False)

    def forward(self, x, cache):
        cache.append(x)
        return self.p(torch.cat(cache))


def noisy():
    """Has dropout, and a norm in train mode."""
    return nn.Sequential(nn.Linear(4, 4), nn.Dropout(), nn.BatchNorm1d(4)).train()


def compiled():
    return torch.compile(nn.Sequential(nn.Linear(4, 3), nn.ReLU()), backend="eager")


FIVE = {
    "fake": (Reads, lambda n: (torch.ones(n),), lambda n: Ops(muls=n)),
    "autocast": (
        Cast,
        lambda n: (torch.ones(n, 4),),
        lambda n: Ops(macs=n * 4 * 2, adds=n * 2),
    ),
    "compiled": (
        compiled,
        lambda n: (torch.ones(n, 4),),
        lambda n: Ops(macs=n * 4 * 3, adds=n * 3, compares=n * 3),
    ),
    "noisy": (noisy, lambda n: (torch.ones(n, 4),), None),
    "cache": (Cached, lambda n: (torch.ones(n, 4), []), lambda n: Ops(macs=n * 4 * 5)),
}
"""By name: makes the model, its arguments for ``n`` rows, and its total."""


def registry():
    mine = hookcount.Registry()
    mine.register_fake(Reads, lambda module, x: x * 2.0)
    return mine


def total(name, n, report):
    """The total, as far as it is written out: of ``noisy``, the MACs of its layer."""
    return report.total if FIVE[name][2] else report.macs


def five():
    return {name: make() for name, (make, _, _) in FIVE.items()}


def count_all(run, rows, times, wrong, models):
    """Count each of the five models ``times`` times. Adds to ``wrong`` what is not right."""
    counter = hookcount.Counter(registry(), run=run)
    for _ in range(times):
        for name, (_, arguments, written_out) in FIVE.items():
            args = arguments(rows)
            before = snapshot(model=models[name], args=args)
            wanted = written_out(rows) if written_out else rows * 4 * 4
            try:
                found = total(name, rows, counter.count(models[name], *args))
            except Exception as error:
                found = error
            if found != wanted:
                wrong.append((name, rows, run, repr(found)))
            wrong.extend((name, rows, run, each) for each in differing(before, models[name], args))


def differing(before, model, args):
    """The differences, but for those of classes: another thread's count may have a fake there."""
    found = before.differences(snapshot(model=model, args=args))
    return [each for each in found if "__class__" not in each]


@pytest.mark.parametrize("times", [5, pytest.param(63, marks=pytest.mark.slow)])
@pytest.mark.parametrize("runs", [("shapes",), ("auto",)], ids="+".join)
def test_eight_threads_five_models(runs, times):
    """With 5: 200 counts for each entry of ``runs``. With 63: 2,520."""
    forwards = {kind: vars(kind)["forward"] for kind in (Reads, Cast, Cached, nn.Linear)}
    count_all(runs[0], 2, 1, [], five())  # the first use of the compiler sets things of its own
    made = [five() for _ in range(8)]
    settings, state, wrong = surroundings(), random_state(), []
    own = [
        lambda n=n, run=run, models=models: count_all(run, n, times, wrong, models)
        for n, run, models in zip(range(2, 10), runs * 8, made, strict=False)
    ]
    at_once(*own)
    now = surroundings() | random_state()
    assert wrong == []
    left = [name for name, value in (settings | state).items() if now[name] != value]
    assert left == []
    assert {kind: vars(kind)["forward"] for kind in forwards} == forwards


def trained(*, steps=30, same=None, meanwhile=None):
    """The losses and weights of a training of ``steps`` steps, while ``meanwhile(model)`` runs."""
    torch.manual_seed(3)
    model = same() if same else nn.Sequential(
        nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 2)
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses, done, started = [], threading.Event(), threading.Event()

    def train():
        try:
            if meanwhile:
                assert started.wait(60)
            for _ in range(steps):
                optimizer.zero_grad()
                loss = model(torch.randn(6, 4)).pow(2).mean()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
        finally:
            done.set()

    def beside():
        counts = 0
        try:
            while counts < 3 or not done.is_set():
                meanwhile(model)
                counts += 1
                started.set()
        finally:
            started.set()

    at_once(train, *([beside, beside] if meanwhile else []))
    return losses, [value.numpy().tobytes() for value in model.state_dict().values()]


@pytest.mark.parametrize("run", RUNS)
def test_training_another_model(run):
    # a real run of a norm writes to it, and two threads count it
    other = nn.Sequential(nn.Linear(4, 4), nn.Tanh() if run == "real" else nn.BatchNorm1d(4))
    x = torch.ones(3, 4)

    def count(_):
        assert hookcount.Counter(run=run).count(other, x).macs == 3 * 4 * 4

    alone = trained()
    assert trained(meanwhile=count) == alone


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("norm", [False, True])
def test_training_the_same_model(run, norm):
    """The training goes on as if nobody had counted. The count may say that it cannot be done."""

    def make():
        middle = nn.BatchNorm1d(8) if norm else nn.Tanh()
        return nn.Sequential(nn.Linear(4, 8), middle, nn.ReLU(), nn.Linear(8, 2))

    def count(model):
        try:
            found = hookcount.Counter(run=run).count(model, torch.ones(3, 4)).macs
        except hookcount.HookcountError:
            return  # it says that it cannot be done
        assert found == 3 * (4 * 8 + 8 * 2)

    alone = trained(same=make)
    together = trained(same=make, meanwhile=count)
    if norm and run == "real":
        # a real forward in train mode writes to the running statistics, also without a count
        assert len(together[0]) == len(alone[0])
    else:
        assert together == alone


@pytest.mark.parametrize("run", RUNS)
def test_another_thread_draws(run):
    """A count of a model that draws nothing does not rewind what another thread draws."""
    model, x, done = nn.Sequential(nn.Linear(4, 4), nn.Tanh()), torch.ones(3, 4), threading.Event()
    generators = {
        "torch": (lambda: torch.manual_seed(5), lambda: torch.rand((), dtype=torch.float64).item()),
        "random": (lambda: random.seed(5), random.random),
        "numpy": (lambda: numpy.random.seed(5), numpy.random.rand),
    }
    drawn = {name: [] for name in generators}

    def draw():
        while not done.is_set():
            for name, (_, one) in generators.items():
                drawn[name].append(one())

    def count():
        try:
            for _ in range(200):
                assert hookcount.Counter(run=run).count(model, x).macs == 3 * 4 * 4
        finally:
            done.set()

    for seed, _ in generators.values():
        seed()
    at_once(draw, count)
    for name, (seed, one) in generators.items():
        assert len(drawn[name]) > 200
        assert len(set(drawn[name])) == len(drawn[name]), name
        seed()
        assert drawn[name] == [one() for _ in drawn[name]], name


class Meets(nn.Module):
    """Waits in its forward until it is told to go on."""

    def __init__(self, draws=False):
        super().__init__()
        self.lin, self.draws = nn.Linear(4, 4), draws
        self.inside, self.go = threading.Event(), threading.Event()

    def forward(self, x):
        if self.draws:
            torch.rand(3), random.random(), numpy.random.rand()
        self.inside.set()
        assert self.go.wait(30)
        return self.lin(x)


@pytest.mark.parametrize("collects", [True, False])
@pytest.mark.parametrize("first_out", [0, 1])
def test_overlapping_counts_and_the_collector(collects, first_out):
    """Two that each save "it was on" lose it, or turn it on for a user who had it off."""
    models, x = (Meets(), Meets()), torch.ones(3, 4)
    (gc.enable if collects else gc.disable)()
    try:
        settings = surroundings()
        counter = hookcount.Counter(run="shapes")
        threads = [
            threading.Thread(target=counter.count, args=(model, x), daemon=True) for model in models
        ]
        for thread, model in zip(threads, models, strict=True):
            thread.start()
            assert model.inside.wait(30)
        for index in (first_out, 1 - first_out):
            models[index].go.set()
            threads[index].join(30)
        assert surroundings() == settings
    finally:
        gc.enable()


@pytest.mark.parametrize("first_out", [0, 1])
def test_overlapping_counts_that_draw(first_out):
    """The second one starts from the numbers of the first, and ends after it, or before it."""
    models, x = (Meets(draws=True), Meets(draws=True)), torch.ones(3, 4)
    state, counter = random_state(), hookcount.Counter(run="shapes")
    threads = [
        threading.Thread(target=counter.count, args=(model, x), daemon=True) for model in models
    ]
    for thread, model in zip(threads, models, strict=True):
        thread.start()
        assert model.inside.wait(30)
    for index in (first_out, 1 - first_out):
        models[index].go.set()
        threads[index].join(30)
    assert random_state() == state


def test_a_failing_count_beside_others():
    class Fails(nn.Module):
        def forward(self, x):
            raise ValueError("on purpose")

    settings, wrong = surroundings(), []

    def fail():
        for _ in range(30):
            with pytest.raises(ValueError, match="on purpose"):
                hookcount.Counter(run="auto").count(Fails(), torch.ones(2, 4))

    at_once(fail, fail, *[lambda n=n: count_all("auto", n, 2, wrong, five()) for n in (2, 3)])
    assert wrong == []
    assert surroundings() == settings


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("kind", ["hook", "parametrization"])
def test_one_model_with_weight_norm_in_four_threads(kind, run):
    """Its pre-hook sets an attribute in each forward; so each count sees the others' writes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrap = nn.utils.weight_norm if kind == "hook" else nn.utils.parametrizations.weight_norm
        model = nn.Sequential(wrap(nn.Linear(4, 4, bias=False)), nn.ReLU())
    x = torch.ones(3, 4)
    with torch.no_grad():
        wanted = model(x)
    before, wrong = snapshot(model=model), []

    def count():
        for _ in range(10):
            try:
                found = hookcount.Counter(run=run).count(model, x).macs
            except Exception as error:
                found = repr(error)
            if found != 3 * 4 * 4:
                wrong.append(found)

    at_once(count, count, count, count)
    assert wrong == []
    # the pre-hook makes the weight anew, so its identity may be that of another count
    assert before.differences(snapshot(model=model), of_a_twin=True) == []
    with torch.no_grad():
        assert torch.equal(model(x), wanted)


def test_a_plain_forward_beside_counts_is_not_seen():
    """While one thread counts, forwards of the same class in another thread give real values."""
    done, x = threading.Event(), torch.ones(2)
    model, mine = Reads(), registry()
    seen = set()

    def forward():
        while not done.is_set():
            seen.add(tuple(model(x).tolist()))

    def count():
        with contextlib.ExitStack() as stack:
            stack.callback(done.set)
            for _ in range(50):
                report = hookcount.Counter(mine, run="shapes").count(Reads(), torch.ones(3))
                assert report.total == Ops(muls=3)

    at_once(forward, count)
    assert seen == {(2.0, 2.0)}


def test_threads_that_end_during_counts():
    """To ask a thread that has ended for its processor time can end the process."""
    done, x, model = threading.Event(), torch.ones(3, 4), nn.Linear(4, 4)

    def start_others():
        while not done.is_set():
            each = threading.Thread(target=int)
            each.start()
            each.join()

    def count():
        with contextlib.ExitStack() as stack:
            stack.callback(done.set)
            for _ in range(100):
                assert hookcount.count(model, x).macs == 3 * 4 * 4

    at_once(count, start_others, start_others)


COLLECTS = """
import _thread, gc, threading
import torch, hookcount
from torch import nn

model, x = nn.Sequential(nn.Linear(4, 4), nn.Tanh()), torch.ones(3, 4)
hookcount.count(model, x)
done = threading.Event()
for _ in range(20):
    threading.Thread(target=done.wait, daemon=True).start()
gc.callbacks.append(lambda phase, info: _thread.start_new_thread(int, ()))
gc.set_threshold(50)
for _ in range(20):
    assert hookcount.count(model, x).macs == 3 * 4 * 4
done.set()
"""


def test_a_finalizer_that_starts_a_thread():
    """Python 3.11.7 hangs if that happens while it lists the frames of all threads."""
    subprocess.run([sys.executable, "-W", "ignore", "-c", COLLECTS], check=True, timeout=200)


def test_the_positions_of_other_threads():
    """They tell whether a thread ran, where the system has no clock for a thread."""
    gc.enable()
    model = Meets()
    thread = threading.Thread(target=model, args=(torch.ones(3, 4),))
    thread.start()
    assert model.inside.wait(30)
    waits = others._positions()
    while waits != others._positions():  # until it waits again
        waits = others._positions()
    model.go.set()
    thread.join(30)
    assert waits
    assert waits != others._positions()
    assert gc.isenabled()

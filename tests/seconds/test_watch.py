"""``Timer.watch``: loops, several calls, and what runs outside of the model."""

import pickle
import threading

import pytest
import torch
from helpers.ticking import Takes, ticking
from torch import nn

import hookcount
from hookcount import Timer

MS = 10**6


@pytest.fixture
def clock(monkeypatch):
    return ticking(monkeypatch)


def test_outermost_calls_are_summed(clock):
    model = Takes(clock, 5 * MS, 0, a=Takes(clock, 15 * MS))
    with Timer().watch(model) as watch:
        clock.pass_(100 * MS)
        for _ in range(3):
            model(torch.zeros(1))
        model.a(torch.zeros(1))
    timing = watch.timing()
    assert timing.run_seconds == (0.02, 0.02, 0.02, 0.015)
    assert timing.seconds == sum(timing.run_seconds)
    assert timing.block_seconds == 0.175
    assert (timing.runs, timing.fps) == (4, 4 / timing.seconds)
    rows = timing.to_dataframe()
    assert rows[["path", "calls"]].values.tolist() == [["", 3], ["a", 4]]
    assert rows["own_seconds"].tolist() == pytest.approx([0.015, 0.06])
    assert rows["own_seconds"].sum() == timing.seconds


def test_the_effects_of_the_block_stay():
    model, x = nn.BatchNorm1d(2).train(), torch.ones(3, 2)
    with Timer().watch(model):
        model(x)
        x.add_(1)
    assert model.num_batches_tracked == 1
    assert x[0, 0] == 2


def test_a_count_of_an_equal_block_gives_flops(clock):
    class Slow(nn.Linear):
        def forward(self, x):
            clock.pass_(2 * MS)
            return super().forward(x)

    model = nn.Sequential(Slow(8, 4, bias=False))

    def block():
        for _ in range(5):
            torch.relu(model(torch.zeros(16, 8)))

    with hookcount.Counter().watch(model) as counted:
        block()
    with Timer().watch(model) as watch:
        block()
    timing = watch.timing(counted.report())
    macs = 5 * 16 * 8 * 4
    assert timing.macs_per_second == macs / timing.seconds
    assert timing.seconds == pytest.approx(0.01)
    assert "<outside>" in timing.to_dataframe()["path"].tolist()  # the relu, which took no time
    assert timing.to_dataframe()["own_seconds"].sum() == timing.seconds
    assert "FLOP/s" in str(timing)


def test_without_a_count_its_figures_say_how_to_get_one(clock):
    model = Takes(clock, MS)
    with Timer().watch(model) as watch:
        model(torch.zeros(1))
    with pytest.raises(hookcount.HookcountError, match="Counter.watch"):
        watch.timing().flops_per_second  # noqa: B018
    assert "Takes" in str(watch.timing())
    assert str(pickle.loads(pickle.dumps(watch.timing()))) == str(watch.timing())


def test_a_block_that_raises_has_a_timing(clock):
    model = Takes(clock, MS)
    with pytest.raises(ValueError), Timer().watch(model) as watch:
        model(torch.zeros(1))
        raise ValueError
    assert watch.timing().run_seconds == (0.001,)


def test_a_block_without_a_call(clock):
    with Timer().watch(Takes(clock, MS)) as watch:
        pass
    timing = watch.timing()
    assert (timing.seconds, timing.notes) == (0, ("No module of the model ran in the block.",))
    assert "(model)" in str(timing)


def test_the_timing_comes_after_the_block():
    with Timer().watch(nn.ReLU()) as watch, pytest.raises(hookcount.InputError, match="not ended"):
        watch.timing()
    with pytest.raises(hookcount.InputError, match="no Report"):
        watch.timing(report=3)


def test_what_is_no_model_is_refused():
    with pytest.raises(hookcount.ModelError), Timer().watch("resnet50"):
        pass


def test_other_threads_are_not_timed(clock):
    model = Takes(clock, MS)
    with Timer().watch(model) as watch:
        thread = threading.Thread(target=model, args=(torch.zeros(1),))
        thread.start()
        thread.join()
        model(torch.zeros(1))
    assert watch.timing().run_seconds == (0.001,)


def test_a_training_loop():
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    before = model[0].weight.detach().clone()
    with Timer().watch(model) as watch:
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.ones(2, 4)).sum().backward()
            optimizer.step()
    assert watch.timing().runs == 3
    assert not torch.equal(before, model[0].weight)


def test_a_watch_inside_a_counter_watch_hears_too(clock):
    model = nn.Sequential(Takes(clock, MS))
    with hookcount.Counter().watch(model) as counted, Timer().watch(model) as watch:
        model(torch.zeros(1))
    assert counted.report().tree.calls == 1
    assert watch.timing().run_seconds == (0.001,)

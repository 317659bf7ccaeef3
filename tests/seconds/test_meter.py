"""A meter of a loop: work over seconds, the count cached by input."""

import threading

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import hookcount
from hookcount.seconds import meter as module
from hookcount.seconds.meter import Meter

ROW = 8 * 4
"""MACs of one row through the layer."""


class Peak:
    """A device with a peak of 1,000 FLOP/s in float32 and of 2,000 in bfloat16."""

    def peak(self, dtype):
        return {torch.float32: 1000.0, torch.bfloat16: 2000.0}[dtype]


class Masked(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 4, bias=False)

    def forward(self, x, mask):
        return self.layer(x[mask])


def layer():
    return nn.Linear(8, 4, bias=False).eval()


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on by two seconds each time that it is read."""
    times = iter(range(0, 10**15, 2 * 10**9))
    monkeypatch.setattr(module, "now", lambda: next(times))


def test_a_step_has_the_work_of_its_batch_over_the_seconds_of_the_block(clock):
    meter = Meter(layer(), Peak())
    with meter.step(torch.zeros(2, 8)):
        pass
    assert (meter.last.seconds, meter.last.macs, meter.last.flops) == (2.0, 2 * ROW, 4 * ROW)
    assert meter.last.flops_per_second == 4 * ROW / 2
    assert meter.last.macs_per_second == 2 * ROW / 2
    assert meter.last.mfu == 4 * ROW / 2 / 1000
    assert not meter.last.estimated
    with meter.step({"input": torch.zeros(3, 8)}):
        pass
    assert meter.total.macs == (2 + 3) * ROW
    assert meter.total.seconds == 4.0
    assert meter.total.mfu == 2 * (2 + 3) * ROW / 4 / 1000
    assert str(meter) == "2 steps, 4.00 s, 80.0 FLOP/s, MFU 8.0 %"


def test_each_distinct_input_is_counted_once(monkeypatch):
    counts = []
    own = hookcount.Counter.priced

    def priced(self, *args):
        counts.append(args)
        return own(self, *args)

    monkeypatch.setattr(hookcount.Counter, "priced", priced)
    meter, x = Meter(Masked().eval()), torch.ones(4, 8)
    masks = [torch.arange(4) < rows for rows in (4, 2, 4, 2, 4)]
    macs = [meter.update(1, x, mask).macs for mask in masks]
    assert macs == [rows * ROW for rows in (4, 2, 4, 2, 4)]
    assert len(counts) == 2


@pytest.mark.parametrize(
    ("training", "grad", "option", "products"),
    [
        (True, True, None, 2),  # the output, and the gradient of the weight
        (True, False, None, 1),
        (False, True, None, 1),
        (False, True, True, 2),
        (True, False, True, 2),
        (True, True, False, 1),
    ],
)
def test_a_backward_pass_is_counted(training, grad, option, products):
    meter = Meter(layer().train(training), training=option)
    with torch.set_grad_enabled(grad):
        step = meter.update(1.0, torch.zeros(1, 8))
    assert step.macs == products * ROW
    assert not step.estimated
    assert meter.why_estimated == ""


def test_a_step_of_several_forwards():
    meter = Meter(layer())
    step = meter.record(2.0, [((torch.zeros(1, 8),), {}), ((), {"input": torch.zeros(4, 8)})])
    assert (step.macs, step.steps) == (5 * ROW, 1)


def test_the_dtype_of_the_peak():
    x = torch.zeros(1, 8)
    meter = Meter(layer(), Peak())
    with torch.autocast("cpu", torch.bfloat16):
        assert meter.update(1.0, x).mfu == 2 * ROW / 2000
    assert meter.update(1.0, x).mfu == 2 * ROW / 1000
    assert Meter(layer(), Peak(), torch.bfloat16).update(1.0, x).mfu == 2 * ROW / 2000
    half = layer().to(torch.bfloat16)
    assert Meter(half, Peak()).update(1.0, x.to(torch.bfloat16)).mfu == 2 * ROW / 2000
    assert Meter(layer(), "H100 SXM").update(1.0, x).peak_flops == (
        hookcount.Device("H100 SXM").peak("fp32")
    )


def test_without_a_known_device_there_is_no_mfu(monkeypatch):
    def unlisted(device):
        raise hookcount.UnknownDeviceError("not listed")

    monkeypatch.setattr(hookcount.Device, "of", unlisted)
    meter = Meter(layer())
    assert meter.device is None
    step = meter.update(1.0, torch.zeros(1, 8))
    assert step.mfu is None
    assert (step + step).mfu is None
    assert "MFU" not in str(step)


@pytest.mark.parametrize(
    ("what", "text"),
    [
        (lambda: Meter(layer(), "H1000"), "H1000"),
        (lambda: Meter(layer(), 3), "of type int"),
        (lambda: Meter(layer()).update(0, torch.zeros(1, 8)), "seconds is 0"),
        (lambda: Meter(layer()).update(-1.0, torch.zeros(1, 8)), "seconds is -1.0"),
        (lambda: Meter(layer()).update(True, torch.zeros(1, 8)), "seconds is True"),
        (lambda: Meter(layer()).update("1", torch.zeros(1, 8)), "seconds is '1'"),
        (lambda: Meter(layer()).update(float("nan"), torch.zeros(1, 8)), "seconds is nan"),
        (lambda: Meter(layer()).step([torch.zeros(1, 8)]).__enter__(), "list of 1"),
        (lambda: Meter(layer(), "TPU v4").step(torch.zeros(1, 8)).__enter__(), "no dense peak"),
    ],
)
def test_bad_input(what, text):
    with pytest.raises(hookcount.InputError, match=text) as raised:
        what()
    assert "To fix it" in str(raised.value)


def test_no_model():
    with pytest.raises(hookcount.ModelError):
        Meter(3)


def test_a_block_that_raises_is_no_step(clock):
    meter = Meter(layer())
    with pytest.raises(RuntimeError, match="mine"), meter.step(torch.zeros(1, 8)):
        raise RuntimeError("mine")
    assert meter.last is None
    assert str(meter) == "no step yet"
    with meter.step(torch.zeros(1, 8)):
        pass
    assert meter.total.steps == 1


def test_the_training_is_as_without_the_meter():
    weights = []
    for metered in (True, False):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.BatchNorm1d(8))
        optimizer = torch.optim.Adam(model.parameters())
        meter = Meter(model, inputs=lambda batch: batch[0]) if metered else None
        for size in (4, 6, 4):
            batch = (torch.randn(size, 8), None)
            optimizer.zero_grad()
            if meter is None:
                model(batch[0]).square().sum().backward()
            else:
                with meter.step(batch):
                    model(batch[0]).square().sum().backward()
            optimizer.step()
        weights.append([each.detach().clone() for each in model.state_dict().values()])
    for one, two in zip(*weights, strict=True):
        assert torch.equal(one, two)


def test_the_dtype_of_an_autocast_inside_the_step(clock):
    meter = Meter(layer(), Peak())
    with meter.step(torch.zeros(1, 8)), torch.autocast("cpu", torch.bfloat16):
        pass
    assert meter.last.peak_flops == 2.0 * 2000
    with meter.step(torch.zeros(1, 8)):
        pass
    assert meter.last.peak_flops == 2.0 * 1000
    assert meter.record(1.0, [], torch.bfloat16).peak_flops == 2000


def test_an_exported_program():
    program = torch.export.export(layer(), (torch.zeros(2, 8),))
    assert Meter(program, training=False).update(1.0, torch.zeros(2, 8)).macs == 2 * ROW


@pytest.mark.parametrize(
    ("what", "text"),
    [
        (lambda: Meter(layer(), counter=5), "of type int"),
        (lambda: Meter(layer(), counter=hookcount.Training()), "goes to training="),
        (lambda: Meter(layer(), training="no"), "training='no'"),
        (lambda: Meter(layer(), training=hookcount.Training), "training=<class"),
        (lambda: Meter(layer(), hookcount.Device), "of type type"),
        (lambda: Meter(layer()).update(10**400, torch.zeros(1, 8)), "seconds is"),
        (lambda: Meter(layer()).record(1.0, [torch.zeros(1, 8)]), "a forward is of type Tensor"),
    ],
)
def test_more_bad_input(what, text):
    with pytest.raises(hookcount.InputError, match=text) as raised:
        what()
    assert "To fix it" in str(raised.value)


def test_recomputed_forwards_are_in_hfu_alone():
    class Checkpointed(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(8, 8, bias=False), nn.Linear(8, 4, bias=False)

        def forward(self, x):
            return self.b(checkpoint(self.a, x, use_reentrant=True))

    x = torch.zeros(2, 8, requires_grad=True)
    step = Meter(Checkpointed(), Peak()).update(1.0, x)
    a, b = 2 * 8 * 8, 2 * 8 * 4
    assert (step.macs, step.recomputed_macs) == (3 * (a + b), a)
    assert (step.mfu, step.hfu) == (2 * 3 * (a + b) / 1000, 2 * (3 * (a + b) + a) / 1000)
    assert (step + step).hfu == step.hfu
    assert "HFU" in str(step)
    forward = Meter(layer(), Peak()).update(1.0, torch.zeros(1, 8))
    assert forward.hfu == forward.mfu
    assert "HFU" not in str(forward)


def test_eight_threads_meter_one_model():
    model, found = layer(), []

    def step():
        meter = Meter(model, training=True)
        with meter.step(torch.zeros(2, 8)):
            model(torch.zeros(2, 8)).sum().backward()
        found.append((meter.last.macs, meter.last.estimated))

    threads = [threading.Thread(target=step) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == [(2 * ROW * 2, False)] * 8  # forward, and the weight's gradient

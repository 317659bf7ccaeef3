"""The clock of an accelerator, by its calls: events in order, and no wait between them."""

import types

import pytest
import torch
from torch import nn

import hookcount
from hookcount.observe import clocks
from hookcount.observe.clocks import DeviceClock, HostClock, clock_of
from hookcount.observe.interrupts import HeldBack
from hookcount.observe.model import checked
from hookcount.observe.timed_run import TimedForward


class FakeDevice:
    """An accelerator that notes what is asked of it. Each event is a millisecond later."""

    def __init__(self):
        self.calls = []
        self.events = 0
        device = self

        class Event:
            def __init__(self, enable_timing):
                assert enable_timing
                self.at = None

            def record(self, stream=None):
                device.events += 1
                self.at = device.events
                device.calls.append(("record", self.at, stream))

            def elapsed_time(self, other):
                assert device.calls[-1] == "synchronize", "an event is read before the wait"
                return float(other.at - self.at)

        self.Event = Event

    def synchronize(self, *device):
        self.calls.append("synchronize")

    def current_device(self):
        return 0

    def current_stream(self, device):
        return f"stream of {device}"


@pytest.fixture
def fake(monkeypatch):
    made = FakeDevice()
    monkeypatch.setattr(clocks, "torch", types.SimpleNamespace(cuda=made, mps=made))
    return made


def records(fake):
    return [each[1] for each in fake.calls if each != "synchronize"]


def test_a_run_records_two_events_a_module_and_waits_once_at_its_end(fake):
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU()))
    clock = DeviceClock([torch.device("cuda", 0)])
    forward = TimedForward(model, checked(model), (torch.zeros(1, 2),), {})
    with HeldBack() as signals:
        run = forward.run(clock, True, signals)
    # one before the run, since earlier work may still be under way, and one at its end
    assert fake.calls[0] == fake.calls[-1] == "synchronize"
    assert fake.calls.count("synchronize") == 2
    # whole run, model, Linear, Sequential, ReLU: each begins and ends
    assert records(fake) == list(range(1, 11))
    # events are a millisecond apart: whole 1, model 2 3, Linear 3 4, 1 4 5, 1.0 5 6 ...
    ms = 10**6
    assert run.own == {"": 2 * ms + 3 * ms, "0": ms, "1": 2 * ms, "1.0": ms}


def test_events_are_used_again_in_the_next_run(fake):
    clock = DeviceClock([torch.device("cuda", 0)])
    first = [clock.mark(), clock.mark()]
    clock.settle()
    assert clock.read(first) == [0, 10**6]
    assert clock.mark() is first[0]


def test_times_go_on_from_one_reading_to_the_next(fake):
    clock = DeviceClock([torch.device("cuda", 0)])
    first = [clock.mark(), clock.mark(), clock.mark()]
    clock.settle()
    assert clock.read(first) == [0, 10**6, 2 * 10**6]
    second = [clock.mark(), clock.mark()]
    assert first[-1] not in second  # the time of the next events is measured from it
    clock.settle()
    assert clock.read(second) == [3 * 10**6, 4 * 10**6]


def test_a_plain_run_records_no_event(fake):
    model = nn.Linear(2, 2)
    forward = TimedForward(model, checked(model), (torch.zeros(1, 2),), {})
    with HeldBack() as signals:
        run = forward.run(DeviceClock([torch.device("cuda", 0)]), False, signals)
    assert (fake.calls, run.own) == (["synchronize"] * 2, None)


def test_an_event_goes_to_the_stream_of_the_models_device(fake):
    DeviceClock([torch.device("cuda", 0)]).mark()
    DeviceClock([torch.device("cuda", 1)]).mark()
    DeviceClock([torch.device("mps")]).mark()
    assert [each[2] for each in fake.calls] == [None, "stream of cuda:1", None]


def test_each_of_several_devices_is_waited_for(fake):
    clock = DeviceClock([torch.device("cuda", 0), torch.device("cuda", 1)])
    clock.settle()
    assert not clock.one_device
    assert fake.calls == ["synchronize", "synchronize"]


def test_no_marks_have_no_times(fake):
    assert DeviceClock([torch.device("cuda", 0)]).read([]) == []


def test_the_clock_follows_the_tensors():
    def tensors(*devices):
        return [types.SimpleNamespace(device=torch.device(each)) for each in devices]

    assert isinstance(clock_of([]), HostClock)
    assert isinstance(clock_of(tensors("cpu", "cpu")), HostClock)


@pytest.mark.parametrize(
    ("model", "given"),
    [
        (nn.Linear(2, 2, device="meta"), torch.zeros(1, 2)),
        (nn.Linear(2, 2), torch.zeros(1, 2, device="meta")),
    ],
)
def test_the_meta_device_has_no_time(model, given):
    with pytest.raises(hookcount.InputError, match="meta device"):
        hookcount.measure(model, given)

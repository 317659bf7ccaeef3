"""Ctrl-C at any moment leaves nothing behind, and is never lost."""

import contextlib
import os
import random
import signal
import sys
import threading
import time

import pytest
import torch
from helpers.snapshot import snapshot
from helpers.surroundings import random_state, surroundings
from torch import nn

import hookcount

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="this system has no interval timer"
)


class Reads(nn.Module):
    """Needs values, so that shapes alone need its fake."""

    def forward(self, x):
        return x * x.sum().item()


class Busy(nn.Module):
    """Has all that leaves traces: a fake, autocast, dropout, a norm in train mode, hooks."""

    def __init__(self, draws=True):
        super().__init__()
        self.draws = draws
        self.layers = nn.ModuleList([nn.Linear(4, 4, bias=False) for _ in range(6)])
        self.norm, self.drop, self.reads = nn.BatchNorm1d(4), nn.Dropout(), Reads()
        self.seen, self.calls = [], 0
        self.norm.register_forward_hook(lambda module, args, out: out * 1)
        self.layers[0].register_forward_pre_hook(lambda module, args: None)

    def forward(self, x):
        self.calls += 1
        for layer in self.layers:
            with torch.autocast(x.device.type, enabled=False):
                x = layer(x)
            self.seen.append(x)
        with torch.no_grad():
            x = self.norm(x)
        x = self.reads(x)
        if self.draws:
            torch.rand(2)
            x = self.drop(x)
        return x


MACS = 6 * 3 * 4 * 4
"""Six layers, three rows."""
TIMES = [15, pytest.param(250, marks=pytest.mark.slow)]
"""Interrupts for each of four kinds of run."""


def counter(run):
    registry = hookcount.Registry()
    registry.register_fake(Reads, lambda module, x: x * 2.0)
    return hookcount.Counter(registry, run=run)


def everything(model, x):
    return snapshot(model=model, x=x), surroundings() | random_state()


def differences(before, after):
    settings = [name for name, value in before[1].items() if after[1][name] != value]
    return before[0].differences(after[0]) + settings


@pytest.fixture(autouse=True)
def own_handlers():
    """The default handler for SIGINT, no alarm; and what torch or Python cannot pass on is kept."""
    interrupt, alarm = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    hook, lost = sys.unraisablehook, []
    sys.unraisablehook = lambda unraisable: lost.append(unraisable.exc_type)
    yield lost
    signal.setitimer(signal.ITIMER_REAL, 0)
    sys.unraisablehook = hook
    signal.signal(signal.SIGALRM, alarm)
    signal.signal(signal.SIGINT, interrupt)


def by_timer(delay, sent):
    """Send SIGINT after ``delay`` seconds, by a timer."""

    def alarm(*_):
        sent.append("at once")
        signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, max(delay, 1e-5))


def by_thread(delay, sent):
    """Send SIGINT after ``delay`` seconds, from another thread."""

    def send():
        time.sleep(delay)
        os.kill(os.getpid(), signal.SIGINT)
        sent.append("a moment ago")

    threading.Thread(target=send, daemon=True).start()


def interrupted(call, send, delay):
    """Run ``call`` and send an interrupt. Says when it came: during the call, or after it."""
    sent, where = [], "during"
    try:
        send(delay, sent)
        call()
        if sent:
            time.sleep(0.001)
            return "swallowed"
        where = "after"
        time.sleep(10)  # in Python 3.13, an interrupt of a loop may pass by its try block
    except KeyboardInterrupt:
        return where
    return "never came"


def duration(call):
    """Seconds that one call takes, the best of three."""
    times = []
    for _ in range(4):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times[1:])


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("send", [by_timer, by_thread])
@pytest.mark.parametrize("run", ["auto", "real"])
def test_an_interrupt_leaves_nothing(run, send, times, own_handlers):
    """60 interrupts over the four kinds, or 1,000."""
    model, x, counts = Busy(), torch.ones(3, 4), counter(run)
    dice, ends, problems = random.Random(f"{run} {send.__name__}"), [], []

    def call():
        counts.count(model, x)

    lasts = duration(call)
    for index in range(times):
        before = everything(model, x)
        ends.append(interrupted(call, send, dice.uniform(0, 1.2 * lasts)))
        if ends[-1] in ("swallowed", "never came") and KeyboardInterrupt not in own_handlers:
            problems.append(f"{index}: the interrupt {ends[-1]}")
        own_handlers.clear()
        problems += [f"{index}: {each}" for each in differences(before, everything(model, x))]
        if problems:  # the rest would only show the same leavings
            break
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert not problems, "\n".join(problems)
    assert counts.count(model, x).macs == MACS
    assert "during" in ends


@pytest.mark.parametrize("run", ["shapes", "auto", "real"])
def test_an_interrupt_sent_by_the_forward_itself(run):
    class Sends(Busy):
        def forward(self, x):
            y = super().forward(x)
            signal.raise_signal(signal.SIGINT)
            return y

    model, x = Sends(), torch.ones(3, 4)
    before = everything(model, x)
    with pytest.raises(KeyboardInterrupt):
        counter(run).count(model, x)
    assert differences(before, everything(model, x)) == []


@pytest.mark.parametrize("run", ["auto", "real"])
def test_a_handler_of_the_user(run):
    """It is called once for each signal, the count goes on, and it is there afterwards."""
    model, x, counts, seen = Busy(), torch.ones(3, 4), counter(run), []

    def mine(number, frame):
        seen.append(number)

    def sends(*_):
        sent.append(1)
        signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGINT, mine)
    signal.signal(signal.SIGALRM, sends)
    lasts, sent, dice = duration(lambda: counts.count(model, x)), [], random.Random(run)
    for _ in range(15):
        before = everything(model, x)
        signal.setitimer(signal.ITIMER_REAL, dice.uniform(1e-5, lasts))
        assert counts.count(model, x).macs == MACS
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert signal.getsignal(signal.SIGINT) is mine
        assert len(seen) == len(sent)
        assert differences(before, everything(model, x)) == []
    assert sent


def test_a_handler_of_the_user_that_raises():
    class Stopped(Exception):
        pass

    class Sends(Busy):
        def forward(self, x):
            signal.raise_signal(signal.SIGINT)
            return super().forward(x)

    def mine(number, frame):
        raise Stopped

    signal.signal(signal.SIGINT, mine)
    model, x = Sends(), torch.ones(3, 4)
    before = everything(model, x)
    with pytest.raises(Stopped):
        counter("auto").count(model, x)
    assert signal.getsignal(signal.SIGINT) is mine
    assert differences(before, everything(model, x)) == []


@pytest.mark.parametrize("run", ["auto", "real"])
def test_an_ignored_signal_stays_ignored(run):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    model, x, counts = Busy(), torch.ones(3, 4), counter(run)
    lasts = duration(lambda: counts.count(model, x))
    for part in range(10):
        before = everything(model, x)
        by_timer(part / 10 * lasts, [])
        assert counts.count(model, x).macs == MACS
        assert differences(before, everything(model, x)) == []
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_a_count_in_another_thread():
    """The main thread gets the interrupt. The count in the other one goes on."""
    model, x, counts, found = Busy(), torch.ones(3, 4), counter("auto"), []
    before = everything(model, x)

    def work():
        found.extend(counts.count(model, x).macs for _ in range(20))

    thread = threading.Thread(target=work)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        by_timer(0.01, [])
        while True:
            time.sleep(0.001)
    thread.join(30)
    assert found == [MACS] * 20
    assert differences(before, everything(model, x)) == []


def test_a_count_while_another_thread_counts(own_handlers):
    """The main thread's count is interrupted. The one of the other thread goes on."""
    models, x = (Busy(draws=False), Busy(draws=False)), torch.ones(3, 4)
    counts, found = counter("shapes"), []
    done = threading.Event()
    before = [everything(model, x) for model in models]

    def work():
        while not done.is_set():
            found.append(counts.count(models[1], x).macs)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        lasts = duration(lambda: counts.count(models[0], x))
        for part in range(10):
            end = interrupted(lambda: counts.count(models[0], x), by_timer, part / 10 * lasts)
            assert end in ("during", "after") or KeyboardInterrupt in own_handlers
            own_handlers.clear()
    finally:
        done.set()
        thread.join(30)
    assert set(found) == {MACS}
    for earlier, model in zip(before, models, strict=True):
        assert differences(earlier, everything(model, x)) == []


@pytest.mark.parametrize("run", ["shapes", "auto", "real"])
def test_a_forward_that_catches_it(run):
    """The count ends with its figure, or the interrupt is raised at its end."""

    class Catches(Busy):
        def forward(self, x):
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                self.calls += 1
            return super().forward(x)

    model, x = Catches(), torch.ones(3, 4)
    before = everything(model, x)
    with contextlib.suppress(KeyboardInterrupt):
        assert counter(run).count(model, x).macs == MACS
    assert differences(before, everything(model, x)) == []


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("send", [by_timer, by_thread])
def test_an_interrupt_in_a_watch_block(send, times, own_handlers):
    """A watch undoes nothing that its block did, but its own hooks and modes are gone."""
    model, x, dice = nn.Sequential(nn.Linear(4, 4), nn.Tanh()), torch.ones(3, 4), random.Random(1)
    ends = []

    def call():
        with hookcount.Counter().watch(model):
            for _ in range(3):
                model(x)

    lasts = duration(call)
    for _ in range(times):
        before = everything(model, x)
        ends.append(interrupted(call, send, dice.uniform(0, 1.2 * lasts)))
        assert ends[-1] in ("during", "after") or KeyboardInterrupt in own_handlers
        own_handlers.clear()
        assert differences(before, everything(model, x)) == []
    # a thread sends some of the few late
    assert "during" in ends or (send is by_thread and times < 100)


def test_many_interrupts_in_one_count():
    """A second and third Ctrl-C while the first one is being dealt with change nothing."""
    model, x, counts = Busy(), torch.ones(3, 4), counter("auto")
    lasts = duration(lambda: counts.count(model, x))
    for part in range(8):
        before, sent = everything(model, x), []

        def alarm(_, frame, sent=sent):
            sent.append(1)
            if len(sent) == 3:
                signal.setitimer(signal.ITIMER_REAL, 0)
            while frame is not None and frame.f_code is not hookcount.Counter.priced.__code__:
                frame = frame.f_back
                if frame is None:
                    return  # not in the count, but in the lines around it
            signal.raise_signal(signal.SIGINT)

        signal.signal(signal.SIGALRM, alarm)
        signal.setitimer(signal.ITIMER_REAL, 1e-5 + part / 8 * lasts, 2e-4)
        with contextlib.suppress(KeyboardInterrupt):
            counts.count(model, x)
        while len(sent) < 3:
            time.sleep(1e-4)
        assert differences(before, everything(model, x)) == []

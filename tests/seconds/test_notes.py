"""What is said of a measurement that could mislead."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

import hookcount
from hookcount import Timer
from hookcount.observe.timed_run import Run
from hookcount.seconds.machine import Machine
from hookcount.seconds.notes import Found, notes
from hookcount.seconds.rounds import Rounds

MS = 10**6
CPU = Machine("cpu", "Test CPU", 1, torch.float32, grad=False, training=False)
GPU = replace(CPU, device="cuda", processor="Test GPU")
REPORT = hookcount.count(nn.Linear(2, 2), torch.zeros(1, 2))
QUIET = Found(
    rounds=Rounds((MS,) * 6, (MS,) * 10, (Run(MS),) * 10),
    machine=GPU,
    seconds=(0.001,) * 10,
    modes=False,
    written=(),
    report=REPORT,
    count_failed="",
    modules=(),
    one_device=True,
)


def said(model=None, **changes):
    return notes(QUIET._replace(**changes), model or nn.Linear(2, 2))


def rounds(**changes):
    return replace(QUIET.rounds, **changes)


def test_nothing_is_said_where_nothing_misleads():
    assert said() == ()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"written": ("a.weight",)}, "wrote to parameter 'a.weight'. It is not as before"),
        ({"written": tuple("abcde")}, "parameters 'a', 'b', 'c' and 2 more. They are not"),
        (
            {"report": None, "count_failed": "ValueError: x\nmore"},
            "no MACs and FLOPs: ValueError: x",
        ),
        ({"seconds": (0.001, 0.002) * 5}, "spread over 67 % of the median"),
        ({"seconds": (0.001,) * 4}, "only 4 timed runs"),
        ({"rounds": rounds(failed="ValueError: no")}, "only the total is known: ValueError: no"),
        ({"one_device": False}, "several accelerators"),
        ({"rounds": rounds(hooked=(Run(2 * MS),))}, "took 2.00 x as long"),
        ({"rounds": rounds(warm_up=())}, "no warm-up"),
        ({"rounds": rounds(warm_up=(900 * MS,))}, "first forward took 0.90 s"),
        (
            {"rounds": rounds(warm_up=(32 * MS, 16 * MS, 8 * MS, 4 * MS, 2 * MS, MS))},
            "After 6 forwards the warm-up was not over",
        ),
        ({"machine": replace(GPU, training=True)}, "train mode"),
        ({"machine": replace(GPU, grad=True)}, "records a graph"),
        ({"machine": replace(GPU, device="xla")}, "cannot wait for xla"),
        ({"modes": True}, "mode is active"),
        ({"machine": replace(CPU, threads=10**6)}, "1000000 threads share"),
    ],
)
def test_what_misleads_is_said(changes, text):
    found = said(**changes)
    assert any(text in each for each in found), found


@pytest.mark.parametrize(
    "changes",
    [
        {"seconds": (0.001, 0.00105) * 5},  # within a tenth
        {"rounds": rounds(hooked=(Run(int(1.15 * MS)),))},
        {"rounds": rounds(warm_up=(4 * MS,))},  # a few milliseconds
        {"rounds": rounds(warm_up=(20 * MS, 10 * MS))},  # too few to say
    ],
)
def test_small_things_are_not_said(changes):
    assert said(**changes) == ()


def test_a_count_that_ran_for_real():
    class Needs(nn.Module):
        def forward(self, x):
            return x * 2 if x.sum() > 0 else x

    real = hookcount.count(Needs(), torch.ones(2))
    assert real.run == "real"
    assert any("another path" in each for each in said(report=real))


def test_the_tuning_of_cudnn(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    assert any("cuDNN tunes itself" in each for each in said())
    assert not any("cuDNN" in each for each in said(machine=CPU))


@pytest.mark.parametrize("there", [True, False])
def test_a_machine_without_a_gpu(monkeypatch, there):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert any("has no GPU" in each for each in said(machine=CPU)) is not there
    assert said() == ()


@pytest.mark.parametrize("how", ["around", "within", "in place"])
def test_a_compiled_model_without_warm_up(how):
    model = nn.Sequential(nn.Linear(2, 2))
    if how == "around":
        model = torch.compile(model, backend="eager")
    elif how == "within":
        model[0] = torch.compile(model[0], backend="eager")
    else:
        model.compile(backend="eager")
    assert any("and compiles" in each for each in said(model, rounds=rounds(warm_up=())))
    assert not any("and compiles" in each for each in said(rounds=rounds(warm_up=())))


def test_a_mode_around_the_measurement_is_found():
    class Mode(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            return func(*args, **(kwargs or {}))

    timer, model = Timer(warmup=0, repeat=1, min_seconds=0), nn.Linear(2, 2)
    with Mode():
        inside = timer.measure(model, torch.zeros(1, 2))
    with torch.device("cpu"):
        outside = timer.measure(model, torch.zeros(1, 2))
    assert any("mode is active" in each for each in inside.notes)
    assert not any("mode is active" in each for each in outside.notes)

"""``measure`` and ``Timer`` on models that take as long as the test says."""

import math
import threading
import warnings

import numpy
import pytest
import torch
from helpers.ticking import Takes, ticking
from torch import nn

import hookcount
from hookcount import Timer

MS = 10**6
ONCE = {"warmup": 0, "repeat": 1, "min_seconds": 0}


@pytest.fixture
def clock(monkeypatch):
    return ticking(monkeypatch)


def test_seconds_of_a_tree(clock):
    model = Takes(clock, 5 * MS, 0, a=Takes(clock, 15 * MS, 0, b=Takes(clock, 20 * MS)))
    timing = hookcount.measure(model, torch.zeros(4, 2))
    assert timing.seconds == 0.04
    assert (timing.fps, timing.samples_per_second) == (25, 100)
    assert timing.overhead == 1
    rows = timing.to_dataframe().set_index("path")
    assert rows["seconds"].tolist() == pytest.approx([0.04, 0.035, 0.02], abs=1e-15)
    assert rows["own_seconds"].tolist() == pytest.approx([0.005, 0.015, 0.02], abs=1e-15)
    assert rows["seconds_share"].tolist() == pytest.approx([1, 7 / 8, 1 / 2])
    assert rows["own_seconds"].sum() == timing.seconds


def test_the_number_of_runs(clock):
    model = Takes(clock, MS)
    done = Timer(warmup=0, repeat=7, min_seconds=0).measure(model, torch.zeros(1))
    assert (done.runs, len(done.hooked_seconds)) == (7, 7)
    # a round takes 2 ms: 50 of them in 100 ms
    assert Timer(warmup=0, repeat=7, min_seconds=0.1).measure(model, torch.zeros(1)).runs == 50


def test_without_modules_only_the_first_row_has_seconds(clock):
    model = Takes(clock, 5 * MS, 0, a=Takes(clock, 15 * MS))
    timing = Timer(**ONCE, modules=False).measure(model, torch.zeros(1))
    rows = timing.to_dataframe()
    assert (timing.overhead, timing.modules) == (None, ())
    assert rows["seconds"][0] == timing.seconds == 0.02
    assert math.isnan(rows["seconds"][1])
    assert rows["own_seconds"].isna().all()


def test_shares_are_of_the_plain_total_although_hooks_cost(clock):
    """A hooked run that takes twice as long changes no total."""

    class Slower(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.runs = Takes(clock, 0), 0

        def forward(self, x):
            self.a.before = 30 * MS if len(times) % 2 else 15 * MS
            clock.pass_(10 * MS if len(times) % 2 else 5 * MS)
            times.append(1)
            return self.a(x)

    times = []
    timing = Timer(**ONCE).measure(Slower(), torch.zeros(1))
    assert (timing.seconds, timing.overhead) == (0.02, 2)
    assert [each.own_seconds for each in timing.modules] == pytest.approx([0.005, 0.015])


def test_flops_a_second(clock):
    class Slow(nn.Linear):
        def forward(self, x):
            clock.pass_(2 * MS)
            return super().forward(x)

    timing = Timer(**ONCE).measure(nn.Sequential(Slow(8, 4, bias=False)), torch.zeros(16, 8))
    macs = 16 * 8 * 4
    assert timing.report.macs == macs
    assert timing.macs_per_second == macs / 0.002
    assert timing.flops_per_second == 2 * macs / 0.002
    rows = timing.to_dataframe()
    assert rows["flops_per_second"].tolist() == [2 * macs / 0.002] * 2
    assert rows["own_flops_per_second"].tolist() == [0, 2 * macs / 0.002]


class Peak:
    """A device with peaks of its own."""

    def __init__(self, **peaks):
        self.peaks = peaks

    def peak(self, dtype):
        return self.peaks.get(str(dtype).removeprefix("torch."))


def test_mfu_is_two_flops_a_mac_over_the_peak(clock):
    class Slow(nn.Linear):
        def forward(self, x):
            clock.pass_(2 * MS)
            return super().forward(x)

    model = Slow(8, 4)
    timing = Timer(**ONCE).measure(model, torch.zeros(16, 8))
    speed = 2 * 16 * 8 * 4 / 0.002
    assert timing.mfu(Peak(float32=4 * speed)) == 0.25
    assert timing.mfu(Peak(float16=speed), torch.float16) == 1
    assert timing.mfu(Peak(float16=2 * speed), "float16") == 0.5
    with pytest.raises(hookcount.InputError, match=r"no peak of .* for torch.float32"):
        timing.mfu(Peak(float16=1))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = Timer(**ONCE).measure(model, torch.zeros(16, 8))
    assert cast.mfu(Peak(bfloat16=speed)) == 1


def test_mfu_of_a_model_without_floats_needs_a_dtype(clock):
    timing = Timer(**ONCE).measure(Takes(clock, MS), torch.zeros(1, dtype=torch.int64))
    with pytest.raises(hookcount.InputError, match="give dtype="):
        timing.mfu(Peak(float32=1))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("warmup", -1),
        ("warmup", None),
        ("warmup", 1.5),
        ("warmup", True),
        ("repeat", 0),
        ("repeat", -3),
        ("repeat", "10"),
        ("repeat", False),
        ("repeat", 2.0),
        ("min_seconds", -0.1),
        ("min_seconds", math.nan),
        ("min_seconds", math.inf),
        ("min_seconds", "1"),
        ("min_seconds", None),
        ("min_seconds", True),
        ("modules", 1),
        ("modules", None),
    ],
)
def test_options_are_checked(option, value):
    with pytest.raises(hookcount.InputError) as caught:
        Timer(**{option: value})
    assert str(caught.value).startswith(f"Timer({option}={value!r}): ")
    assert "To fix it: " in str(caught.value)


def test_numbers_of_numpy_are_taken():
    made = Timer(repeat=numpy.int64(3), warmup=numpy.int32(0), min_seconds=numpy.float32(0.5))
    assert made == Timer(repeat=3, warmup=0, min_seconds=0.5)
    assert type(made.repeat) is int
    assert type(made.min_seconds) is float


def test_a_model_that_raises_passes_its_error_on():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        hookcount.measure(nn.Linear(2, 2), torch.zeros(1, 3))


@pytest.mark.parametrize("model", ["resnet50", nn.Linear, len, None])
def test_what_is_no_model_is_refused(model):
    with pytest.raises(hookcount.ModelError):
        hookcount.measure(model, torch.zeros(1))


def test_a_count_that_fails_leaves_the_seconds(clock):
    class Strange(nn.Module):
        def forward(self, x):
            clock.pass_(4 * MS)
            return x

    registry = hookcount.counter.USER

    def broken(x):
        raise ZeroDivisionError("broken formula")

    hookcount.register(Strange, broken)
    try:
        timing = Timer(**ONCE).measure(nn.Sequential(Strange()), torch.zeros(1))
    finally:
        registry.unregister(Strange)
    assert timing.seconds == 0.004
    assert "broken formula" in timing.count_failed
    assert any("The count failed" in each for each in timing.notes)
    for read in ("report", "flops_per_second", "macs_per_second"):
        with pytest.raises(hookcount.HookcountError, match="broken formula"):
            getattr(timing, read)
    rows = timing.to_dataframe()
    assert rows[["path", "type", "seconds"]].values.tolist() == [
        ["", "Sequential", 0.004],
        ["0", "Strange", 0.004],
    ]
    assert "Strange" in str(timing)
    assert '"macs_per_second": null' in timing.to_json()
    assert "Strange" in timing.to_markdown()


def test_uncounted_work_warns_where_measure_was_called():
    class Odd(nn.Module):
        def forward(self, x):
            return torch.linalg.eigvals(x)

    with pytest.warns(hookcount.UncountedWarning) as caught:
        timing = Timer(**ONCE).measure(Odd(), torch.eye(2))
    assert [each.filename for each in caught] == [__file__]
    assert any("lower bound" in each for each in timing.notes)


def test_a_parameter_that_was_written_to_is_named_in_a_warning():
    class Writes(nn.Linear):
        def forward(self, x):
            self.weight.data = self.weight.data
            with torch.no_grad():
                self.weight.add_(0)
            return super().forward(x)

    model = nn.Sequential(Writes(2, 2))
    with pytest.warns(UserWarning, match="wrote to parameter '0.weight'") as caught:
        timing = Timer(**ONCE).measure(model, torch.zeros(1, 2))
    assert [each.filename for each in caught] == [__file__]
    assert timing.notes[0].startswith("The forward wrote to parameter '0.weight'. It is not")


def test_other_models_warn_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Timer(**ONCE).measure(nn.Linear(2, 2).eval(), torch.zeros(1, 2))


def test_a_program_of_torch_export():
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    program = torch.export.export(model, (torch.zeros(1, 2),), strict=False)
    timing = Timer(**ONCE).measure(program, torch.zeros(1, 2))
    assert timing.report.macs == 4
    assert timing.seconds > 0


ran = threading.Semaphore(0)
"""Counts. A run puts back what the model can reach, but no object of ``threading``."""


def test_a_compiled_model_is_timed_compiled():
    def backend(graph, inputs):
        def run(*args):
            ran.release()
            return graph.forward(*args)

        return run

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(2, 2), nn.ReLU()

        def forward(self, x):
            return self.b(self.a(x))

    model = torch.compile(Model(), backend=backend)
    timing = Timer(warmup=1, repeat=3, min_seconds=0).measure(model, torch.zeros(1, 2))
    for _ in range(1 + 3 + 3):
        assert ran.acquire(blocking=False)
    assert not ran.acquire(blocking=False)
    assert any("took no time of their own" in each for each in timing.notes)
    assert timing.modules[0].own_seconds == timing.seconds


def test_data_parallel():
    model = nn.DataParallel(nn.Sequential(nn.Linear(2, 2)))
    timing = Timer(**ONCE).measure(model, torch.zeros(1, 2))
    assert [(each.path, each.calls) for each in timing.modules] == [("", 1), ("0", 1)]


def test_the_timer_of_a_compiled_function_runs_outside_of_the_compiler():
    @torch.compile(backend="eager")
    def function(x):
        timing = Timer(**ONCE).measure(nn.Linear(2, 2), x)
        return x + 1, timing.runs

    with warnings.catch_warnings():  # torch 2.6 adds a filter
        assert function(torch.zeros(1, 2))[1] == 1


def test_inside_a_watch_nothing_of_the_runs_is_counted():
    model = nn.Linear(4, 4)
    with hookcount.Counter().watch(model) as watch:
        Timer(**ONCE).measure(model, torch.zeros(1, 4))
        model(torch.zeros(1, 4))
    assert watch.report().macs == 16


def test_the_dtype_of_an_autocast_in_the_forward(clock):
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 4)

        def forward(self, x):
            with torch.autocast("cpu", torch.bfloat16):
                clock.pass_(MS)
                return self.layer(x)

    assert Timer(**ONCE).measure(Mixed(), torch.zeros(1, 8)).machine.dtype == torch.bfloat16


def test_a_generator_as_argument_is_refused(clock):
    with pytest.raises(hookcount.InputError, match="is a generator"):
        hookcount.measure(Takes(clock, MS), (each for each in [1]))


def test_the_error_of_a_model_that_wrote_to_a_parameter_says_so(clock):
    class Writes(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(2))

        def forward(self, x):
            with torch.no_grad():
                self.weight.add_(1)
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine") as raised:
        Timer(**ONCE).measure(Writes(), torch.zeros(1))
    assert "but for its parameters 'weight'" in "".join(raised.value.__notes__)

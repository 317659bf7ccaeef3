"""``hookcount.compat.deepspeed`` against products written out, and against DeepSpeed itself where
it is installed.
"""

import contextlib
import io
import types
import unittest.mock

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import hookcount
from hookcount.compat.deepspeed import FlopsProfiler, get_model_profile, profiler

RAW = {"print_profile": False, "as_string": False}


class Attends(nn.Module):
    """A linear layer, attention of each token to each, and products by operators."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(6, 8)

    def forward(self, x):
        q = torch.add(self.linear(x), 1)
        return F.scaled_dot_product_attention(q, q, q) @ q.mT + 1


SHAPE = (2, 5, 6)
MACS = 2 * 5 * 6 * 8 + 2 * (2 * 5 * 5 * 8) + 2 * 5 * 8 * 5
FLOPS = 2 * MACS + 2 * 5 * 8  # the tool sees torch.add, not +
PARAMS = 6 * 8 + 8


def test_flops_macs_and_params():
    assert get_model_profile(Attends(), SHAPE, **RAW) == (FLOPS, MACS, PARAMS)
    assert get_model_profile(Attends(), args=[torch.ones(SHAPE)], **RAW)[1] == MACS
    assert get_model_profile(Attends(), kwargs={"x": torch.ones(SHAPE)}, **RAW)[1] == MACS
    texts = get_model_profile(Attends(), SHAPE, print_profile=False)
    assert texts == ("3.44 K", "1.68 KMACs", "56")


def test_the_printed_profile(capsys, tmp_path):
    get_model_profile(Attends(), SHAPE, top_modules=2)
    text = capsys.readouterr().out
    for part in ("1.68 KMACs", "fwd latency:", "depth 0:", "Linear"):
        assert part in text
    get_model_profile(Attends(), SHAPE, detailed=False, output_file=tmp_path / "new" / "file.txt")
    assert not capsys.readouterr().out
    assert "1.68 KMACs" in (tmp_path / "new" / "file.txt").read_text()


def test_a_model_on_meta_has_no_latency(capsys):
    with torch.device("meta"):
        model = Attends()
    assert get_model_profile(model, SHAPE, as_string=False) == (FLOPS, MACS, PARAMS)
    assert "latency" not in capsys.readouterr().out


def test_a_profile_in_a_program():
    model = Attends()
    profiler = FlopsProfiler(model)
    profiler.start_profile()
    out = model(torch.ones(SHAPE))
    assert profiler.get_total_macs() == MACS
    assert profiler.get_total_flops() == FLOPS
    assert profiler.get_total_params() == PARAMS
    assert profiler.get_total_macs(as_string=True) == "1.68 KMACs"
    assert 0 < profiler.get_total_duration() < 5
    out.sum().backward()
    assert model.linear.weight.grad is not None
    profiler.end_profile()
    assert not model._forward_pre_hooks
    with pytest.raises(hookcount.InputError, match="nothing was profiled"):
        profiler.get_total_flops()


def test_all_calls_until_the_stop_count():
    model = Attends()
    profiler = FlopsProfiler(model)
    profiler.start_profile()
    model(torch.ones(SHAPE))
    model(torch.ones(SHAPE))
    profiler.stop_profile()
    model(torch.ones(SHAPE))
    assert profiler.get_total_macs() == 2 * MACS
    profiler.start_profile()
    model(torch.ones(SHAPE))
    profiler.reset_profile()
    model(torch.ones(SHAPE))
    assert profiler.get_total_macs() == MACS
    profiler.end_profile()


def test_a_figure_may_be_read_before_the_end(capsys):
    model, texts = nn.Sequential(Attends(), nn.Sequential(nn.Linear(5, 2))), []
    x = torch.ones(SHAPE)
    for reads in (False, True):
        profiler = FlopsProfiler(model)
        profiler.start_profile()
        for times in (1, 2, 3):
            model(x)
            if reads:
                assert profiler.get_total_macs() == times * (MACS + 2 * 5 * 5 * 2)
                assert profiler.get_total_duration() > 0  # its calls are not counted
        profiler.stop_profile()
        profiler.print_model_profile(top_modules=3)
        profiler.end_profile()
        lines = capsys.readouterr().out.splitlines()
        texts.append([each for each in lines if "MACs" in each and "latency" not in each])
    assert texts[0] == texts[1] != []


def test_the_text_of_a_profile_in_a_program(capsys):
    model = Attends()
    profiler = FlopsProfiler(model)
    profiler.start_profile()
    model(torch.ones(SHAPE))
    profiler.print_model_profile(detailed=False)
    profiler.print_model_aggregated_profile(top_modules=1)
    profiler.end_profile()
    text = capsys.readouterr().out
    assert text.count("1.68 KMACs") == 3  # the total, and depth 0 in both texts


def test_a_model_that_raises_leaves_nothing():
    class Fails(nn.Module):
        def forward(self, x):
            raise ValueError

    model = Fails()
    profiler = FlopsProfiler(model)
    profiler.start_profile()
    with pytest.raises(ValueError):
        model(1)
    profiler.end_profile()
    assert not model._forward_pre_hooks


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "there is no input"),
        ({"input_shape": [2, 5, 6]}, "is no shape"),
        ({"input_shape": SHAPE, "mode": "train"}, "no such value"),
        ({"input_shape": SHAPE, "mode": "generate"}, "no method generate"),
        ({"input_shape": SHAPE, "ignore_modules": [Attends]}, "the model itself"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(hookcount.InputError, match=message):
        get_model_profile(Attends(), **options)


def test_no_engine():
    with pytest.raises(hookcount.InputError, match="engine"):
        FlopsProfiler(Attends(), ds_engine=object())


class Timers:
    """Milliseconds by the names of an engine's timers."""

    def __call__(self, name):
        return types.SimpleNamespace(
            elapsed=lambda reset: {"fwd": 4.0, "bwd": 10.0, "step": 2.0}[name]
        )


def engine_of(**options):
    """What the profiler reads of an engine: four devices, two of which share a model."""
    attributes = {
        "world_size": 4,
        "dp_world_size": 2,
        "mp_world_size": 2,
        "has_moe_layers": False,
        "timers": Timers(),
        "train_micro_batch_size_per_gpu": lambda: 3,
        "wall_clock_breakdown": lambda: True,
    }
    return types.SimpleNamespace(**{**attributes, **options})


class Experts(Attends):
    """Has a layer of which each of 8 devices has its own."""

    def __init__(self):
        super().__init__()
        self.expert = nn.Linear(8, 8, bias=False)
        self.expert.weight.group_name = "ep_size_8"
        self.enable_expert_tensor_parallelism = True


def printed_with(profiler_class, model, engine, **options):
    """By the name of a row in the text, its figure."""
    profiler = profiler_class(model, engine, **options)
    profiler.start_profile()
    model(torch.ones(SHAPE))
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        profiler.print_model_profile(profile_step=2, detailed=False)
    profiler.end_profile()
    rows = [line.rpartition(": ") for line in out.getvalue().splitlines() if ": " in line]
    return {name.strip(): figure.strip() for name, _, figure in rows}


def test_an_engine_changes_only_the_text():
    rows = printed_with(FlopsProfiler, Attends(), engine_of(), recompute_fwd_factor=1.0)
    expected = {
        "world size": "4",
        "data parallel size": "2",
        "model parallel size": "2",
        "batch size per GPU": "3",
        "params per GPU": "56",
        "params of model = params per GPU * mp_size": "112",
        "fwd MACs per GPU": "1.68 KMACs",
        "fwd flops per GPU": "3.44 K",
        "fwd flops of model = fwd flops per GPU * mp_size": "6.88 K",
        "fwd latency": "4 ms",
        "fwd FLOPS per GPU = fwd flops per GPU / fwd latency": "860 KFLOPS",  # 3440 / 0.004
        "bwd latency": "10 ms",
        "step latency": "2 ms",
        "iter latency": "16 ms",
        "FLOPS per GPU = 4 * fwd flops per GPU / iter latency": "860 KFLOPS",
        "samples/second": "750.0",  # 12 in 0.016
    }
    assert {name: rows.get(name) for name in expected} == expected
    experts = printed_with(FlopsProfiler, Experts(), engine_of(has_moe_layers=True))
    assert experts["params of model"] == "1.14 K"  # 2 * 56 and 2 * 8 * 64
    assert experts["expert params of model"] == "1.02 K"
    assert experts["expert tensor parallelism enabled"] == "1"


def test_the_module_of_a_spread_engine_does_not_run_again():
    """Its collectives would wait for the other devices."""
    off = {"wall_clock_breakdown": lambda: False}
    assert "fwd latency" not in printed_with(FlopsProfiler, Attends(), engine_of(**off))
    assert "fwd latency" in printed_with(FlopsProfiler, Attends(), engine_of(**off, world_size=1))
    for engine, seconds in ((engine_of(), 0.004), (engine_of(**off), None)):
        profiled = FlopsProfiler(Attends(), engine)
        profiled.start_profile()
        profiled.model(torch.ones(SHAPE))
        if seconds is None:
            with pytest.raises(hookcount.InputError, match="wall_clock_breakdown"):
                profiled.get_total_duration()
        else:
            assert profiled.get_total_duration() == seconds
        profiled.end_profile()
    parts = {"dp_world_size": None, "seq_dp_world_size": 4}
    rows = printed_with(FlopsProfiler, Attends(), engine_of(**off, **parts))
    assert rows["data parallel size"] == "4"


def test_the_older_form():
    """``input_res`` gives MACs and parameters, as timm's benchmark of that time expects."""
    old = {**RAW, "input_res": SHAPE, "warm_up": 10}
    assert get_model_profile(model=Attends(), input_constructor=None, **old) == (MACS, PARAMS)
    given = []

    def constructor(shape):
        given.append(shape)
        return {"x": torch.ones(*shape)}

    found = get_model_profile(Attends(), input_constructor=constructor, **old)
    assert found == (MACS, PARAMS)
    assert given == [SHAPE]
    texts = get_model_profile(Attends(), input_res=SHAPE, print_profile=False)
    assert texts == ("1.68 KMACs", "56")


def test_the_module_has_the_names_of_the_tools():
    assert profiler.get_model_profile is get_model_profile
    assert profiler.FlopsProfiler is FlopsProfiler
    assert profiler.bytes_to_string(1_500_000) == "1.5 MB"
    assert profiler.duration_to_string(0.25) == "250 ms"


@pytest.mark.peers
def test_texts_and_engines_as_in_the_tool():
    tool = pytest.importorskip("deepspeed.profiling.flops_profiler.profiler")
    for count in (0, 1e-7, 0.00123, 0.5, 1, 999, 1000, 25557, 10**6, 25_557_032, 4_133_742_592):
        for name in ("bytes", "duration", "flops", "macs", "number", "params"):
            for units in (None, "K", "m", ""):
                given = count, units, 3
                texts = [getattr(each, f"{name}_to_string")(*given) for each in (profiler, tool)]
                assert texts[0] == texts[1], (name, *given)
    for model, options in (
        (Attends(), {}),
        (Attends(), {"dp_world_size": None, "seq_dp_world_size": 4}),
        (Experts(), {"has_moe_layers": True}),
    ):
        engine = engine_of(**options)
        with unittest.mock.patch.object(tool, "MoE", Experts):
            theirs, mine = (
                printed_with(each, model, engine, recompute_fwd_factor=0.5)
                for each in (tool.FlopsProfiler, FlopsProfiler)
            )
        shared = [name for name in theirs if name in mine]
        assert len(shared) > 16
        assert {name: mine[name] for name in shared} == {name: theirs[name] for name in shared}
        # by depth, the door has no latency
        lost = [name for name in theirs.keys() - mine.keys() if "{" not in name]
        assert not [name for name in lost if " per GPU" in name or "latency" in name], lost


@pytest.mark.peers
def test_the_tool_itself():
    tool = pytest.importorskip("deepspeed.profiling.flops_profiler")
    torchvision = pytest.importorskip("torchvision")
    lstm = nn.Sequential(nn.GRU(4, 8, 2, bidirectional=True))
    for model, options in (
        (Attends(), {"input_shape": SHAPE}),
        (Attends(), {"input_shape": SHAPE, "as_string": True}),
        (torchvision.models.resnet18(), {"input_shape": (2, 3, 64, 64)}),
        (lstm, {"input_shape": (3, 2, 4)}),
        (lstm, {"input_shape": (3, 2, 4), "ignore_modules": [nn.GRU]}),
    ):
        options = {**RAW, **options}
        with torch.no_grad():
            assert get_model_profile(model, **options) == tool.get_model_profile(model, **options)
    model, profilers = Attends(), []
    for make in (FlopsProfiler, tool.FlopsProfiler):
        profiler = make(model)
        profiler.start_profile()
        model(torch.ones(SHAPE))
        profilers.append(
            [profiler.get_total_flops(), profiler.get_total_macs(), profiler.get_total_params()]
        )
        profiler.end_profile()
    assert profilers[0] == profilers[1]


class Calls(nn.Module):
    """Calls a module that is no part of it, and a function."""

    def __init__(self, other):
        super().__init__()
        self.own = nn.Linear(4, 6)
        object.__setattr__(self, "other", other)

    def forward(self, x):
        return nn.functional.linear(self.other(self.own(x)), torch.ones(2, 6))


def test_only_what_runs_inside_the_model_counts():
    """A program that calls the model as a part of another one, and a function beside it."""
    x, model = torch.ones(3, 4), Calls(nn.Linear(6, 6))
    whole = nn.Sequential(nn.Linear(4, 4), model, nn.Linear(2, 5))
    profiler = FlopsProfiler(model)
    profiler.start_profile()
    nn.functional.linear(x, torch.ones(7, 4))
    macs = 3 * (4 * 6 + 6 * 6 + 6 * 2)
    for times in (1, 2):
        whole(x)
        assert profiler.get_total_macs() == times * macs
    model(x)
    assert profiler.get_total_macs() == 3 * macs
    profiler.end_profile()


def test_reset_and_stop_in_any_order():
    model, x = nn.Linear(4, 6), torch.ones(3, 4)
    profiler = FlopsProfiler(model)
    profiler.start_profile()
    model(x)
    profiler.stop_profile()
    profiler.reset_profile()
    assert (profiler.get_total_flops(), profiler.get_total_params()) == (0, 4 * 6 + 6)
    profiler.start_profile()
    model(x)
    profiler.reset_profile()
    model(x)
    assert profiler.get_total_macs() == 3 * 4 * 6
    profiler.print_model_profile(detailed=False)
    assert (profiler.flops, profiler.macs, profiler.params) == (2 * 72, 72, 30)
    profiler.end_profile()


def test_packed_weights_are_no_parameters():
    model = torch.ao.quantization.quantize_dynamic(
        nn.Sequential(nn.Linear(4, 5)), dtype=torch.qint8
    )
    assert get_model_profile(model, (2, 4), print_profile=False, as_string=False)[2] == 0

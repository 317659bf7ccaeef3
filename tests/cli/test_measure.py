"""``hookcount measure`` as people meet it. No test depends on how long a model takes."""

import json
import re
import sys

import pytest
import torch

import hookcount
from hookcount.cli import main

MODELS = """
import torch
from torch import nn

class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, bias=False)
        self.head = nn.Linear(4, 2)
        self.head.bias.requires_grad_(False)
    def forward(self, x):
        assert not self.training and torch.is_inference_mode_enabled()
        return self.head(self.conv(x).mean((2, 3)))

class Says(nn.Module):
    def forward(self, x):
        print("threads", torch.get_num_threads(), "dtype", x.dtype, "shape", tuple(x.shape))
        return x

class Fails(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(4, 4))
    def forward(self, x):
        return self.inner(x)

class Scalar(nn.Module):
    def forward(self, x):
        return x
"""
QUICK = ("--warmup", "0", "--repeat", "1", "--min-seconds", "0")
SMALL = ("measure_models.py:Small", "--input", "2,3,5,5", *QUICK)
CONV = 2 * 3 * 3 * 4 * 3 * 3 * 3  # places, outputs, inputs times kernel
HEAD = 2 * 4 * 2


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "measure_models.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("hookcount.seconds.machine.cpu_name", lambda: "Test CPU")
    yield tmp_path
    sys.modules.pop("measure_models", None)


@pytest.fixture
def run(capsys):
    def run(*words):
        status = main(["measure", *words])
        out, err = capsys.readouterr()
        return status, out, err

    return run


def test_the_first_line(run):
    status, out, _ = run(*SMALL)
    first = out.splitlines()[0]
    params = 4 * 3 * 3 * 3 + 4 * 2 + 2
    assert status == 0
    assert first.startswith(
        f"measure_models.py:Small: 2 layers, {params} parameters, {params - 2} gradients, "
    )
    speed = r" [\d.]+ (ns|us|ms|s), [\d.,]+ FPS \([\d.,]+ samples/s\) on \d+ threads? of Test CPU"
    assert re.search(speed, first)
    assert f"({(CONV + HEAD) / 1000:.1f} kMACs)" in first
    assert out.splitlines()[1] == "input 2x3x5x5"


def test_resnet50_has_126_layers_and_as_many_gradients_as_parameters(run):
    status, out, _ = run("resnet50", "--batch", "1", "--depth", "1", *QUICK)
    assert status == 0
    assert out.startswith(
        "resnet50: 126 layers, 25,557,032 parameters, 25,557,032 gradients, "
        "8.2 GFLOPs (4.1 GMACs), "
    )
    assert "samples/s" not in out.splitlines()[0]


def test_the_tree_has_seconds(run):
    lines = run(*SMALL)[1].splitlines()
    titles = next(each for each in lines if each.startswith("module"))
    assert titles.split()[-4:] == ["seconds", "%", "seconds", "FLOP/s"]
    assert any("├─ conv" in each for each in lines)
    assert not any("conv" in each for each in run(*SMALL, "--depth", "0")[1].splitlines()[1:])


def test_without_modules_there_are_no_columns_of_seconds(run):
    out = run(*SMALL, "--no-modules")[1]
    assert "% seconds" not in out
    assert "FPS" in out


def test_json(run):
    found = json.loads(run(*SMALL, "--format", "json")[1])
    assert found["macs"] == CONV + HEAD
    assert found["runs"] == 1
    assert [each["path"] for each in found["modules"]] == ["", "conv", "head"]
    assert sum(each["own_seconds"] for each in found["modules"]) == found["seconds"]


@pytest.mark.parametrize("sort", ["macs", "own_seconds", "flops_per_second", "seconds", "params"])
def test_rows_are_sorted(run, sort):
    found = json.loads(run(*SMALL, "--format", "json", "--sort", sort)[1])
    values = [each[sort] for each in found["modules"]]
    assert values == sorted(values, reverse=True)
    assert run(*SMALL, "--sort", sort)[0] == 0  # the tree


def test_the_top_modules(run):
    found = json.loads(run(*SMALL, "--format", "json", "--top", "2")[1])
    times = [each["own_seconds"] for each in found["modules"]]
    assert times == sorted(times, reverse=True)
    assert len(times) == 2
    table = run(*SMALL, "--top", "2")[1]
    assert "own" in table
    assert len([each for each in table.splitlines() if "Conv2d" in each or "Linear" in each]) <= 2


def test_csv_goes_to_a_file(run, folder):
    assert run(*SMALL, "--output", "t.csv")[0] == 0
    lines = (folder / "t.csv").read_text().splitlines()
    assert "own_seconds" in lines[0]
    assert len(lines) == 4


def test_markdown(run):
    assert run(*SMALL, "--format", "markdown")[1].startswith("| module | type | calls |")


def test_threads_and_dtype_are_set_for_the_run_only(run):
    before = torch.get_num_threads()
    words = ("measure_models.py:Says", "--input", "2,3", *QUICK)
    _, out, err = run(*words, "--threads", str(before + 1), "--dtype", "bfloat16")
    assert f"threads {before + 1} dtype torch.bfloat16 shape (2, 3)" in err
    assert f"on {before + 1} threads of Test CPU" in out
    assert torch.get_num_threads() == before
    assert "dtype torch.float32" in run(*words)[2]


def test_the_dtype_of_the_model(run):
    found = json.loads(run(*SMALL, "--dtype", "float64", "--format", "json")[1])
    assert found["machine"]["dtype"] == "torch.float64"
    assert found["param_bytes"] == 8 * (4 * 3 * 3 * 3 + 4 * 2 + 2)


def test_a_batch_of_the_default_input(run):
    found = json.loads(run("resnet18", "--batch", "2", "--format", "json", *QUICK)[1])
    assert found["batch"]["samples"] == 2
    assert found["macs"] == 2 * 1814073344  # FlopCounterMode, as in test_cli
    detector = json.loads(
        run("ssdlite320_mobilenet_v3_large", "--batch", "2", "--format", "json", *QUICK)[1]
    )
    assert detector["batch"]["samples"] == 2


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((*SMALL, "--batch", "2"), "--batch: the inputs are given by --input"),
        ((*SMALL, "--device", "meta"), "--device meta: this device computes nothing"),
        ((*SMALL, "--sort", "own_second"), "use one of own_seconds"),
        ((*SMALL, "--top", "2", "--format", "tree"), "--top: a tree has no top rows"),
        (("resnet5O",), "resnet50"),
        (("measure_models.py:Small", "--batch", "2", *QUICK), "needs x"),
    ],
)
def test_wrong_usage(run, words, text):
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert text in err


@pytest.mark.parametrize(
    "words",
    [
        ("--repeat", "0"),
        ("--warmup", "-1"),
        ("--threads", "0"),
        ("--batch", "0"),
        ("--min-seconds", "-1"),
        ("--min-seconds", "nan"),
        ("--dtype", "int8"),
    ],
)
def test_wrong_values(run, words):
    status, _, err = run("resnet18", *words)
    assert status == 2
    assert words[0] in err


def test_a_model_that_raises(run):
    status, out, err = run("measure_models.py:Fails", "--input", "1,3", *QUICK)
    assert (status, out) == (1, "")
    assert "'inner.0' (Linear) while it was being timed" in err
    assert "Traceback" not in err


def test_a_compiled_model(run, monkeypatch):
    own, compiled = torch.compile, []

    def compile(model):
        compiled.append(type(model).__name__)
        return own(model, backend="eager")

    monkeypatch.setattr(torch, "compile", compile)
    status, out, _ = run(*SMALL, "--compile")
    assert (status, compiled) == (0, ["Small"])
    assert out.startswith("measure_models.py:Small: 2 layers, ")


def test_size_names_gradients(run, capsys):
    assert main(["size", "measure_models.py:Small"]) == 0
    params = 4 * 3 * 3 * 3 + 4 * 2 + 2
    assert f"gradients   {params - 2}\n" in capsys.readouterr().out
    layer = torch.nn.Linear(3, 5)
    assert hookcount.size(layer).gradients == 20
    layer.weight.requires_grad_(False)
    assert hookcount.size(layer).gradients == 5
    assert hookcount.size(layer).to_dict()["gradients"] == 5

"""``hookcount MODEL`` as people and other programs meet it."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers.parsed import Page

import hookcount
from hookcount.cli import main
from hookcount.models.inputs import Input, parse

RESNET18 = {
    "macs": 1814073344,
    "params": 11689512,
}  # torchvision's table: 1.814 giga-MACs; its digits from FlopCounterMode

MODELS = """
import warnings
import torch
from torch import nn

class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(2, 4)
        self.lin = nn.Linear(4, 6)
    def forward(self, ids, mask=None, scale=None):
        print("a word of the model's own")
        y = self.lin(self.table(ids))
        if mask is not None:
            y = y.masked_fill(mask[..., None], 0.0)
        return y if scale is None else y * scale

def broken():
    raise ValueError("the checkpoint is gone")

class Fails(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(4, 4))
    def forward(self, x):
        return self.inner(x)

class NoInput(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, 7)
    def forward(self):
        warnings.warn("a warning of the model's own")
        return self.lin(torch.zeros(2, 3))

@torch.library.custom_op("clitest::secret", mutates_args=())
def secret(x: torch.Tensor) -> torch.Tensor:
    return x.clone()

class Secret(nn.Module):
    def forward(self, x):
        return secret(x) + secret(x)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "cli_models.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("cli_models", None)


# -- what is shown


def test_the_tree_of_a_real_model(run):
    status, out, err = run("resnet18", "--full")
    assert (status, err) == (0, "")
    head = out.splitlines()[:2]
    assert "resnet18: " in head[0]
    assert "layers, input 1x3x224x224" in head[0]
    for said in ("11.7 M params", "44.6 MiB", "1.81 G MACs", "G FLOPs", "run"):
        assert said in head[1]
    rows = out.splitlines()[3:]
    assert len(rows) == len(list(hookcount.models.build("resnet18").model.modules()))
    assert "\x1b" not in out


def test_a_depth_changes_no_figure(run):
    _, out, _ = run("resnet18", "--depth", "1")
    rows = out.splitlines()[3:-1]
    assert len(rows) == 1 + 10  # the model and its ten children
    assert "1.81 G" in rows[0]
    assert [row.split()[1:3] for row in rows if "layer" in row] == [
        [name, "+"]
        for name in ("layer1.0-1", "layer2", "layer3", "layer4")  # two equal blocks in layer1
    ]
    _, out, _ = run("resnet18", "--depth", "0")
    assert len(out.splitlines()) == 3 + 1 + 1
    assert "--full" in out.splitlines()[-1]


def test_the_first_view_fits_and_full_shows_each_module(run):
    _, first, _ = run("vit_b_16")
    _, full, _ = run("vit_b_16", "--full")
    assert len(first.splitlines()) <= 45
    assert "12x" in first
    assert "encoder_layer_0-11" in first
    assert "12x" not in full
    assert full.count("encoder_layer_") == 12
    assert "--full shows every module" in first
    assert "--full" not in full


def test_full_and_several_conventions_or_another_format_do_not_fit(run):
    for more in (["--convention", "all"], ["--format", "csv"], ["--top", "3"]):
        status, _, err = run("resnet18", "--full", *more)
        assert status == 2
        assert "To fix it" in err


def test_a_wide_comparison_is_turned_in_a_narrow_terminal(monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["compare", "resnet18", "squeezenet1_1", "--convention", "all"]) == 0
    lines = re.sub("\x1b\\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert lines[0].split() == ["model", "resnet18", "squeezenet1_1"]
    assert {len(line) <= 60 for line in lines} == {True}
    assert lines[1].split() == ["params", "11.7", "M", "1.24", "M"]
    named = [line.split(" (")[0] for line in lines[2:]]
    assert named == list(hookcount.conventions.CONVENTIONS)


def test_csv_is_pure_and_exact(run):
    status, out, err = run("resnet18", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert (status, err) == (0, "")
    assert {key: int(rows[0][key]) for key in RESNET18} == RESNET18
    assert sum(int(row["own_macs"]) for row in rows) == RESNET18["macs"]


def test_json_is_pure_and_exact(run):
    status, out, err = run("resnet18", "--format", "json", "--depth", "1")
    whole = json.loads(out)
    assert (status, err) == (0, "")
    assert {key: whole[key] for key in RESNET18} == RESNET18
    assert len(whole["modules"]) == 11
    assert {row["depth"] for row in whole["modules"]} == {0, 1}


def test_markdown_has_the_rows_asked_for(run):
    _, out, _ = run("resnet18", "--format", "markdown", "--top", "2")
    lines = out.splitlines()
    assert len(lines) == 4
    assert all(line.startswith(("| ", "|---")) for line in lines)
    assert lines[2].startswith("| conv1 |")  # 64 * 3 * 7 * 7 * 112 * 112 is the most of all
    assert lines[3].startswith("| layer1.0.conv1 |")


def test_top_is_a_table_of_the_largest(run):
    status, out, _ = run("resnet18", "--top", "3")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()[3:]] == [
        "conv1",
        "layer1.0.conv1",
        "layer1.0.conv2",
    ]


def test_sort_orders_numbers_down_and_texts_up(run):
    _, out, _ = run("resnet18", "--format", "csv", "--sort", "params", "--depth", "1")
    params = [int(row["params"]) for row in csv.DictReader(io.StringIO(out))]
    assert params == sorted(params, reverse=True)
    _, out, _ = run("resnet18", "--format", "csv", "--sort", "type")
    types = [row["type"] for row in csv.DictReader(io.StringIO(out))]
    assert types == sorted(types)
    _, out, _ = run("resnet18", "--sort", "params", "--depth", "1")
    assert "layer4" in out.splitlines()[4]
    _, out, _ = run("resnet18", "--sort", "figure", "--depth", "1", "--convention", "torch")
    shares = [float(line.split()[-1].rstrip("%")) for line in out.splitlines()[4:9]]
    assert shares == sorted(shares, reverse=True)
    _, out, _ = run("resnet18", "--top", "2", "--sort", "figure", "--convention", "torch")
    assert "own_figure" in out
    _, out, _ = run("resnet18", "--format", "table", "--sort", "output_bytes", "--top", "1")
    assert "output_bytes" in out


def test_a_terminal_gets_colours_and_a_pipe_none(run, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    _, out, _ = run("squeezenet1_1", "--depth", "1")
    assert "\x1b" not in out


def test_an_ascii_stdout_still_gets_the_tree(monkeypatch):
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", narrow)
    assert main(["squeezenet1_1", "--depth", "1"]) == 0
    narrow.flush()
    assert b"`- classifier" in narrow.buffer.getvalue()


def test_size_runs_nothing(run):
    status, out, _ = run("size", "resnet18")
    assert status == 0
    assert "11,689,512" in out
    assert "float32 44.6 MiB" in out
    status, out, _ = run("size", "resnet18", "--format", "json")
    assert json.loads(out)["parameters"] == RESNET18["params"]


def test_help_and_version(run):
    status, out, _ = run("--help")
    assert status == 0
    assert "examples:" in out
    assert "hookcount size" in out
    status, out, _ = run("--version")
    assert (status, out) == (0, f"hookcount {hookcount.__version__}\n")
    assert run("size", "--help")[0] == 0


# -- inputs


def test_named_inputs_and_their_dtypes(run, folder):
    status, out, err = run(
        "cli_models.py:Two",
        "--input",
        "ids=2,5:int64",
        "--input",
        "mask=2,5:bool",
        "--format",
        "json",
    )
    assert status == 0
    assert json.loads(out)["macs"] == 2 * 5 * 4 * 6
    assert "a word of the model's own" in err


def test_positional_inputs_in_order(run, folder):
    status, out, _ = run(
        "cli_models:Two",
        "--input",
        "3:int64",
        "--input",
        "3:bool",
        "--input",
        "6",
        "--format",
        "json",
    )
    assert status == 0
    assert json.loads(out)["macs"] == 3 * 4 * 6


def test_an_input_of_another_size(run):
    _, out, _ = run("resnet18", "--input", "2,3,64,64", "--top", "1", "--format", "json")
    assert json.loads(out)["modules"][0]["macs"] == 2 * 64 * 3 * 7 * 7 * 32 * 32


def test_a_model_without_parameters_of_forward_needs_none(run, folder):
    status, out, err = run("cli_models.py:NoInput", "--format", "json")
    assert status == 0
    assert json.loads(out)["macs"] == 2 * 3 * 7
    assert err.count("a warning of the model's own") == 1


def test_integers_index_the_smallest_table_and_floats_are_numbers():
    ids = parse("100:int64").tensor("cpu")
    assert set(ids.tolist()) == {0, 1}
    assert parse("100").tensor("cpu").isfinite().all()
    assert parse("4:bool").tensor("cpu").dtype is torch.bool
    assert parse("x=2,3:float16") == Input("x", (2, 3), torch.float16)


def test_the_caller_s_random_numbers_are_untouched(run):
    before = torch.get_rng_state()
    run("squeezenet1_1", "--input", "1,3,64,64")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,3,x", "no shape"),
        ("", "no shape"),
        ("1,-3", "never negative"),
        ("1,3:int65", "int64"),
        ("a b=1,3", "no name of a parameter"),
    ],
)
def test_a_bad_input_is_wrong_usage(run, text, said):
    status, out, err = run("resnet18", "--input", text)
    assert (status, out) == (2, "")
    assert said in err


def test_an_input_that_torch_cannot_make(run):
    status, out, err = run("resnet18", "--input", "99999999999,9999999999")
    assert (status, out) == (2, "")
    assert "'99999999999,9999999999': torch has no tensor of so many elements" in err
    assert "To fix it: give smaller sizes" in err


def test_an_input_beyond_the_memory(run, folder):
    """On meta an input takes no memory. For a model on the CPU the error names the way there."""
    (folder / "wide.py").write_text("import torch\ndef wide(): return torch.nn.Linear(3, 7)\n")
    words = ("wide.py:wide", "--input", "99999999999,3", "--format", "json")
    status, out, err = run(*words)
    assert (status, out) == (1, "")
    assert "input 99999999999x3: it takes 1.09 TiB" in err
    assert "--device meta" in err
    status, out, err = run(*words, "--device", "meta")
    assert (status, err) == (0, "")
    assert json.loads(out)["macs"] == 99999999999 * 3 * 7
    status, out, err = run("resnet18", "--input", "99999999999,3")
    assert (status, out) == (1, "")
    assert "[99999999999, 3]" in err  # the convolution's own message


def test_ids_beyond_the_memory_are_on_meta(run, folder):
    words = ("cli_models.py:Two", "--device", "meta", "--format", "json")
    status, out, _ = run(*words, "--input", "99999999999:int64")
    assert status == 0
    assert json.loads(out)["macs"] == 99999999999 * 4 * 6


def test_an_input_that_is_missing_or_given_twice(run, folder):
    status, _, err = run("cli_models.py:Two")
    assert status == 2
    assert "needs ids" in err
    assert "--input ids=1x128:int64" in err
    assert run("cli_models.py:Two", "--input", "ids=3:int64", "--input", "ids=3:int64")[0] == 2


# -- what goes wrong


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["resnet5O"], "did you mean resnet50"),
        (["timn:x"], "no module timn"),
        (["no/such.py:f"], "no file"),
        (["resnet18", "--sort", "mcas"], "use one of macs"),
        (["resnet18", "--sort", "backward_macs"], "add --training"),
        (["resnet18", "--format", "tree", "--top", "3"], "--format table"),
        (["resnet18", "--depth", "-1"], "less than 0"),
        (["resnet18", "--top", "0"], "less than 1"),
        (["resnet18", "--top", "many"], "whole number"),
        (["resnet18", "--format", "xml"], "invalid choice"),
        (["resnet18", "--device", "cdua"], "'cdua' cannot be used"),
        (["resnet18", "--device", "cuda:99"], "'cuda:99' cannot be used"),
        (["resnet18", "--device", "meta", "--real"], "nothing to compute on"),
        (["resnet18", "--dep", "1"], "unrecognized"),
        ([], "MODEL"),
        (["size"], "MODEL"),
    ],
)
def test_wrong_usage_is_2(run, words, said):
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert said in err


def test_a_model_that_raises_is_1_and_says_where(run, folder):
    status, out, err = run("cli_models.py:Fails", "--input", "2,5")
    assert (status, out) == (1, "")
    assert "RuntimeError" in err
    assert "'inner.0' (Linear)" in err
    assert "now: 2x5" in err
    assert err.count("To fix it") == 1


def test_a_wrong_shape_for_a_known_model_is_1(run):
    status, _, err = run("resnet18", "--input", "1,4,64,64")
    assert status == 1
    assert "'conv1' (Conv2d)" in err


def test_a_factory_that_raises_is_1(run, folder):
    status, _, err = run("cli_models.py:broken")
    assert status == 1
    assert "ValueError: the checkpoint is gone" in err


def test_traceback_shows_where(run, folder):
    status, _, err = run("cli_models.py:broken", "--traceback")
    assert status == 1
    assert "Traceback" in err
    assert "in broken" in err


def test_what_is_uncounted_is_told_once_on_stderr(run, folder):
    status, out, err = run("cli_models.py:Secret", "--input", "2,3", "--format", "csv")
    assert status == 0
    assert err.count("clitest::secret has no formula") == 1
    assert err.startswith("hookcount: warning: ")
    assert out.startswith("path,")


# -- where


def test_a_device_is_where_the_model_and_its_inputs_are(run, folder):
    (folder / "where.py").write_text(
        """
import torch
from torch import nn

class Where(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, 6)
        self.widths = [int(width) for width in torch.linspace(1, 3, 3)]  # needs values
    def forward(self, x):
        print("given on", x.device, "weights on", self.lin.weight.device)
        return self.lin(x)
"""
    )
    for device in ("cpu", "meta"):
        status, out, err = run(
            "where.py:Where", "--input", "5,4", "--device", device, "--format", "json"
        )
        assert status == 0
        assert f"given on {device} weights on {device}" in err
        assert json.loads(out)["macs"] == 5 * 4 * 6


def test_values_that_meta_does_not_have_are_asked_for(run):
    status, _, err = run("ssdlite320_mobilenet_v3_large", "--device", "meta")
    assert status == 1
    assert "--device cpu" in err
    assert err.count("To fix it") == 1


def test_numbers_are_of_the_model_s_dtype(run, folder):
    (folder / "half.py").write_text(
        "import torch\ndef half(): return torch.nn.Linear(3, 7).bfloat16()\n"
    )
    status, out, _ = run("half.py:half", "--input", "2,3", "--real", "--format", "json")
    assert status == 0
    assert json.loads(out)["macs"] == 2 * 3 * 7
    assert (
        run("half.py:half", "--input", "2,3:float32", "--real")[0] == 1
    )  # torch multiplies no float32 with bfloat16


# -- transformers

LLAMA = {
    "architectures": ["NoClassOfTransformers", "LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 50,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "dtype": "bfloat16",
    "torch_dtype": "bfloat16",
}
LLAMA_LAYER = (
    16 * 16 + 2 * 16 * 8 + 16 * 16 + 3 * 16 * 24
)  # q, k and v of one head of 8, o, the three of the MLP


PLAIN_RESNET = {
    "use_timm_backbone": False,
    "backbone": None,
    "backbone_config": {"model_type": "resnet", "depths": [1, 1, 1, 1]},
}


def llama_macs(n):
    """Of n tokens: two layers, each with the two attention products over the square."""
    return 2 * (n * LLAMA_LAYER + 2 * n * n * 16)


def without_angles(whole):
    """MACs without those of the rotary angles, which are a product or not, as the release of
    transformers has it.
    """
    return whole["macs"] - sum(
        row["own_macs"] for row in whole["modules"] if row["path"].endswith("rotary_emb")
    )


@pytest.fixture
def config(tmp_path):
    def config(settings, name="config.json"):
        path = tmp_path / name
        path.write_text(settings if isinstance(settings, str) else json.dumps(settings))
        return str(path)

    return config


@pytest.mark.zoo
def test_a_config_of_transformers(run, config):
    pytest.importorskip("transformers")
    path = config(LLAMA)
    for name in (f"hf:{path}", f"hf:{os.path.dirname(path)}"):
        status, out, err = run(name, "--input", "input_ids=1,10:int64", "--format", "json")
        assert (status, err) == (0, "")
        whole = json.loads(out)
        assert (
            without_angles(whole) == llama_macs(10) + 10 * 16 * 50
        )  # and the head over the vocabulary
        assert (
            whole["params"] == 2 * (LLAMA_LAYER + 2 * 16) + 16 + 2 * 50 * 16
        )  # norms, the embedding, the head
        assert whole["modules"][0]["type"] == "LlamaForCausalLM"
        assert whole["modules"][0]["param_bytes"] == 2 * whole["params"]


@pytest.mark.zoo
def test_a_config_without_a_class_is_that_of_automodel(run, config):
    pytest.importorskip("transformers")
    path = config({**LLAMA, "architectures": ["OfAnotherLibrary"]}, "other.json")
    status, out, _ = run(f"hf:{path}", "--format", "json", "--device", "cpu", "--real")
    assert status == 0
    assert without_angles(json.loads(out)) == llama_macs(128)  # 128 tokens if nothing is given
    assert json.loads(out)["modules"][0]["type"] == "LlamaModel"
    status, out, _ = run("size", f"hf:{path}", "--format", "json")
    assert json.loads(out)["parameters"] == 2 * (LLAMA_LAYER + 2 * 16) + 16 + 50 * 16


@pytest.mark.zoo
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("{", "is not JSON"),
        ("[1]", "has no 'model_type'"),
        ({"architectures": ["LlamaForCausalLM"]}, "has no 'model_type'"),
        ({"model_type": "lama"}, "did you mean llama"),
        (
            {
                "model_type": "mine",
                "auto_map": {"AutoConfig": "mine.Config", "AutoModel": "mine.Model"},
            },
            "its own code (mine.Config",
        ),
    ],
)
def test_what_is_no_config_of_transformers_is_wrong_usage(run, config, tmp_path, settings, said):
    pytest.importorskip("transformers")
    (tmp_path / "mine.py").write_text("raise AssertionError('code of the checkpoint was run')")
    status, out, err = run(f"hf:{config(settings)}")
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("To fix it") == 1


@pytest.mark.zoo
def test_code_beside_a_config_is_not_run_where_transformers_has_its_own(run, config, tmp_path):
    pytest.importorskip("transformers")
    for name in ("mine", "modeling_mine"):
        (tmp_path / f"{name}.py").write_text(
            "raise AssertionError('code of the checkpoint was run')"
        )
    code = {
        "AutoConfig": "mine.Config",
        "AutoModel": "modeling_mine.Model",
        "AutoModelForCausalLM": "modeling_mine.Model",
    }
    path = config({**LLAMA, "architectures": ["Model"], "auto_map": code})
    status, out, err = run(f"hf:{path}", "--input", "input_ids=1,10:int64", "--format", "json")
    assert (status, err) == (0, "")
    assert json.loads(out)["modules"][0]["type"] == "LlamaModel"


@pytest.mark.zoo
def test_a_config_that_is_not_there(run, tmp_path):
    pytest.importorskip("transformers")
    for name in ("meta-llama/Llama-3.1-8B", str(tmp_path), str(tmp_path / "config.json")):
        status, _, err = run(f"hf:{name}")
        assert status == 2
        assert "there is no file" in err
        assert "nothing is downloaded" in err


def test_without_transformers(run, config, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    status, out, err = run(f"hf:{config(LLAMA)}")
    assert (status, out) == (2, "")
    assert "transformers is not installed" in err
    assert "pip install 'hookcount[hf]'" in err


@pytest.mark.zoo
@pytest.mark.parametrize(
    "settings",
    [
        {"model_type": "llama", "hidden_size": "wide"},
        {"model_type": "detr", "use_timm_backbone": False, "backbone": "microsoft/resnet-50"},
    ],
)
def test_a_config_that_transformers_cannot_build_is_1_and_nothing_is_fetched(
    run, config, monkeypatch, settings
):
    pytest.importorskip("transformers")

    def connect(*args, **kwargs):
        raise AssertionError("the network was asked")

    monkeypatch.setattr("socket.socket.connect", connect)
    monkeypatch.setattr("socket.getaddrinfo", connect)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    status, _, err = run(f"hf:{config(settings)}")
    assert status == 1
    assert "cannot build it" in err
    assert "the network was asked" not in err
    assert "HF_HUB_OFFLINE" not in os.environ


@pytest.mark.zoo
def test_an_input_that_the_config_does_not_tell_is_asked_for(run, config):
    pytest.importorskip("transformers")
    path = config({"model_type": "conditional_detr", **PLAIN_RESNET})
    status, _, err = run(f"hf:{path}")
    assert status == 2
    assert "needs pixel_values" in err
    assert "--input pixel_values=1x3x224x224" in err
    assert run(f"hf:{path}", "--input", "pixel_values=1,3,64,96", "--depth", "0")[0] == 0


# -- files


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("a.csv", "path,"),
        ("a.json", "{"),
        ("a.md", "| module"),
        ("a.txt", "resnet18: "),
        ("a.html", "<!doctype html>"),
    ],
)
def test_a_file_s_name_says_its_form(run, tmp_path, name, first):
    status, out, _ = run("resnet18", "--output", str(tmp_path / name))
    assert (status, out) == (0, "")
    assert (tmp_path / name).read_text().startswith(first)
    assert [each.name for each in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.htm", "a.xml", "a.CSVX", "resnet.v2", "a.svg"])
@pytest.mark.parametrize("command", [(), ("compare",), ("size",)])
def test_an_unknown_suffix_is_refused_before_the_count(run, tmp_path, monkeypatch, name, command):
    monkeypatch.setattr("hookcount.cli.counting.build", None)  # not reached
    monkeypatch.setattr("hookcount.cli.size.build", None)
    status, out, err = run(*command, "resnet18", "--output", str(tmp_path / name))
    assert (status, out) == (2, "")
    assert "no format has the suffix" in err
    assert ".json" in err
    assert "To fix it" in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.xlsx", "a.csv"])
def test_size_has_no_tables(run, tmp_path, name):
    assert run("size", "resnet18", "--output", str(tmp_path / name))[0] == 2


def test_a_format_given_goes_before_the_suffix(run, tmp_path):
    path = tmp_path / "resnet.v2"
    assert run("resnet18", "--format", "csv", "--output", str(path), "--depth", "0")[0] == 0
    assert path.read_text().startswith("path,")


@pytest.mark.parametrize(
    "words", [("resnet18",), ("compare", "resnet18"), ("resnet18", "--convention", "thop,torch")]
)
def test_tables_for_other_programs(run, tmp_path, words):
    import pandas as pd

    rows = {"resnet18": 68, "compare": 1}[words[0]] if len(words) < 3 else 2
    pytest.importorskip("openpyxl")
    assert run(*words, "--output", str(tmp_path / "a.xlsx"))[0] == 0
    assert len(pd.read_excel(tmp_path / "a.xlsx")) == rows
    assert run(*words, "--output", str(tmp_path / "a.tex"))[0] == 0
    assert "\\toprule" in (tmp_path / "a.tex").read_text()
    pytest.importorskip("pyarrow")
    assert run(*words, "--output", str(tmp_path / "a.parquet"))[0] == 0
    assert len(pd.read_parquet(tmp_path / "a.parquet")) == rows


@pytest.mark.parametrize("form", ["excel", "parquet"])
def test_what_is_no_text_needs_a_file(run, form):
    status, out, err = run("resnet18", "--format", form)
    assert (status, out) == (2, "")
    assert "give a file" in err


def test_a_latex_table_has_its_own_order(run):
    assert run("resnet18", "--format", "latex", "--sort", "macs")[0] == 2
    status, out, _ = run("resnet18", "--format", "latex", "--depth", "1")
    assert status == 0
    assert "\\texttt{layer4}" in out


def test_a_page(run, tmp_path):
    path = tmp_path / "resnet18.html"
    assert run("resnet18", "--convention", "torch", "--output", str(path)) == (0, "", "")
    text = path.read_text(encoding="utf-8")
    assert "<h1>resnet18 <small>ResNet</small></h1>" in text
    assert f"{2 * RESNET18['macs']:,}" in text
    status, out, _ = run("resnet18", "--format", "html", "--depth", "1")
    assert (status, out.count("<details open>"), out.count("<details>") > 4) == (0, 1, True)
    full = run("resnet18", "--format", "html", "--full")[1]
    assert full.count("data-of=") == 68  # torchvision's modules, and the model
    assert out.count("data-of=") < 68


@pytest.mark.parametrize(
    "words", [("--top", "3"), ("--sort", "macs"), ("--convention", "thop,torch")]
)
def test_a_page_has_all_modules_in_their_order(run, tmp_path, words):
    path = tmp_path / "a.html"
    status, out, err = run("resnet18", "--output", str(path), *words)
    assert (status, out) == (2, "")
    assert "a page" in err
    assert "To fix it" in err
    assert not path.exists()


def test_a_page_of_a_comparison(run, tmp_path):
    path = tmp_path / "a.html"
    words = ("compare", "resnet18", "alexnet", "--convention", "default,torch")
    assert run(*words, "--output", str(path)) == (0, "", "")
    head, *rows = Page(path.read_text(encoding="utf-8")).tables["Figures by model"]
    assert head == ["model", "params", "default (MACs)", "torch (FLOPs)", "uncounted"]
    assert [row[0] for row in rows] == ["resnet18", "alexnet"]
    assert rows[0][2] == f"1.81 G = {RESNET18['macs']:,}"
    assert rows[0][3] == f"3.63 G = {2 * RESNET18['macs']:,}"
    assert rows[0][4] == "0"


def test_size_to_a_file(run, tmp_path):
    run("size", "resnet18", "--output", str(tmp_path / "s.json"))
    assert json.loads((tmp_path / "s.json").read_text())["parameters"] == RESNET18["params"]


def test_a_file_that_cannot_be_written_is_told_before_the_count(run, tmp_path, monkeypatch):
    monkeypatch.setattr("hookcount.cli.counting.build", None)  # not reached
    (tmp_path / "file").write_text("kept")
    for bad in (tmp_path, tmp_path / "missing" / "a.csv", tmp_path / "file" / "a.csv"):
        status, out, err = run("resnet18", "--output", str(bad))
        assert (status, out) == (2, "")
        assert str(bad) in err
        assert "To fix it" in err


def test_a_count_that_fails_leaves_the_file_as_it_was(run, folder):
    (folder / "old.csv").write_text("kept")
    assert run("cli_models.py:Fails", "--input", "2,5", "--output", "old.csv")[0] == 1
    assert (folder / "old.csv").read_text() == "kept"
    assert run("cli_models.py:Fails", "--input", "2,5", "--output", "new.csv")[0] == 1
    assert not (folder / "new.csv").exists()


def test_a_file_is_replaced_whole_and_keeps_its_mode(run, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x" * 100_000)
    path.chmod(0o640)
    run("resnet18", "--depth", "0", "--output", str(path))
    assert path.read_text().startswith("path,")
    assert "x" * 10 not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_result_that_the_file_no_longer_takes_is_not_lost(run, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hookcount.tables.files.os.replace", full)
    status, out, err = run("resnet18", "--depth", "0", "--output", str(tmp_path / "a.csv"))
    assert status == 2
    assert out.startswith("path,")
    assert "No space left" in err
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no terminals")
def test_a_device_is_written_to_and_not_replaced(run):
    """A terminal of its own: where root runs this, a fault must not replace /dev/null."""
    reader, writer = os.openpty()
    try:
        device = os.ttyname(writer)
        assert run("size", "resnet18", "--output", device)[0] == 0
        assert b"ResNet" in os.read(reader, 10_000)
        assert stat.S_ISCHR(os.stat(device).st_mode)
    finally:
        os.close(reader)
        os.close(writer)


# -- as a program


def program(*words: str) -> subprocess.CompletedProcess[str]:
    beside = Path(hookcount.__file__).parents[
        1
    ]  # of the hookcount that is tested, installed or not
    surroundings = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(beside), os.environ.get("PYTHONPATH", "")]),
    }
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, timeout=300, env=surroundings
    )


def test_as_a_program_in_a_pipe():
    done = program("-m", "hookcount", "squeezenet1_1", "--format", "csv", "--depth", "0")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 2
    failed = program("-m", "hookcount", "squeezenet1_l")
    assert failed.returncode == 2
    assert "squeezenet1_1" in failed.stderr


def test_the_command_line_loads_rich_and_pandas_only_to_show():
    done = program(
        "-c",
        "import sys, hookcount.cli; print({'rich', 'pandas', 'torchvision'} & set(sys.modules))",
    )
    assert done.stdout == "set()\n"


def test_real_computes(capsys):
    assert main(["squeezenet1_1", "--input", "1,3,64,64", "--depth", "0"]) == 0
    assert "shapes run" in capsys.readouterr().out
    assert main(["squeezenet1_1", "--input", "1,3,64,64", "--depth", "0", "--real"]) == 0
    assert "real run" in capsys.readouterr().out

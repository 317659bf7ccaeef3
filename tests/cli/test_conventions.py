"""Conventions and comparisons on the command line."""

import json

import pytest

from hookcount.cli import main
from hookcount.conventions.torch import ATTENTION_ON_CPU

RESNET18_CONV1 = 64 * 112 * 112 * 3 * 7 * 7

CONVENTIONS = """
import hookcount

BIASED = hookcount.Convention("biased", weights={"macs": 1, "adds": 1})
THOP = hookcount.Convention("thop")
NOTHING = 3
"""
MODELS = """
import torch
from torch import nn

@torch.library.custom_op("cliconventions::secret", mutates_args=())
def secret(x: torch.Tensor) -> torch.Tensor:
    return x.clone()

@secret.register_fake
def _(x):
    return torch.empty_like(x)

def small():
    return nn.Sequential(nn.Linear(8, 4), nn.ReLU())

class Secret(nn.Module):
    def forward(self, x):
        return secret(x)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "conventions_of_mine.py").write_text(CONVENTIONS)
    (tmp_path / "small_models.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(capsys):
    """What a command gives: its status, stdout and stderr."""

    def run(*words):
        status = main(list(words))
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_a_convention_is_chosen_by_name(run):
    status, out, _ = run("resnet18", "--convention", "thop", "--depth", "0")
    assert status == 0
    assert "MACs under thop" in out


def test_all_conventions_are_a_table(run):
    status, out, _ = run("resnet18", "--convention", "all", "--format", "json")
    assert status == 0
    rows = {row["convention"]: row for row in json.loads(out)}
    assert rows["torch"]["figure"] == 2 * rows["default"]["figure"]
    assert f"{rows['thop']['figure']:,}" in run("resnet18", "--convention", "all")[1]
    assert run("resnet18", "--convention", "all", "--format", "csv")[1].startswith(
        "convention,unit,figure,exact,mirrors\n"
    )
    markdown = run("resnet18", "--convention", "all", "--format", "markdown")[1].splitlines()
    assert markdown[0] == "| convention | unit | figure | exact | mirrors |"
    assert len(markdown) == 2 + len(rows)


def test_several_conventions_are_a_table_of_those(run):
    status, out, _ = run(
        "small_models.py:small",
        "--input",
        "2,8",
        "--convention",
        "torch, default",
        "--format",
        "json",
    )
    assert status == 2  # no such file here
    status, out, _ = run("resnet18", "--convention", "torch, default", "--format", "json")
    assert status == 0
    assert [row["convention"] for row in json.loads(out)] == ["torch", "default"]


@pytest.mark.parametrize(
    "more", [["--top", "3", "--format", "table"], ["--depth", "1"], ["--sort", "macs"]]
)
def test_several_conventions_have_no_rows_of_modules(more, run):
    status, _, err = run("resnet18", "--convention", "all", *more)
    assert status == 2
    assert "--convention all" in err
    assert "To fix it" in err


def test_a_name_that_is_no_convention(run):
    status, _, err = run("resnet18", "--convention", "thob")
    assert status == 2
    assert "thop" in err


@pytest.mark.usefixtures("folder")
def test_a_convention_of_ones_own(run):
    """2 * 8 * 4 products and 2 * 4 biases."""
    ask = ("small_models.py:small", "--input", "2,8", "--format", "json")
    rows = json.loads(run(*ask, "--convention", "conventions_of_mine.py:BIASED,default")[1])
    assert [(row["convention"], row["figure"]) for row in rows] == [
        ("biased", 2 * 8 * 4 + 2 * 4),
        ("default", 2 * 8 * 4),
    ]
    assert (
        json.loads(run(*ask, "--convention", "conventions_of_mine:BIASED")[1])["convention"]
        == "biased"
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("conventions_of_mine.py:NOTHING", "the value is of type int"),
        ("conventions_of_mine.py:MISSING", "has no 'MISSING'"),
        ("no_such_file.py:ANY", "there is no file"),
        ("thop,conventions_of_mine.py:THOP", "two conventions are called 'thop'"),
        ("default,", "no convention is called ''"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_convention_that_cannot_be_had(run, name, said):
    status, out, err = run("small_models.py:small", "--input", "2,8", "--convention", name)
    assert (status, out) == (2, "")
    assert said in err
    assert "To fix it" in err


@pytest.mark.usefixtures("folder")
def test_models_side_by_side(run):
    status, out, err = run(
        "compare", "resnet18", "vit_b_32", "--convention", "default,torch", "--format", "json"
    )
    assert (status, err) == (0, "")
    rows = {row["model"]: row for row in json.loads(out)}
    assert list(rows) == ["resnet18", "vit_b_32"]
    assert rows["resnet18"]["params"] == 11689512  # torchvision's table
    assert rows["resnet18"]["torch"] == 2 * rows["resnet18"]["default"]
    assert rows["resnet18"]["default_unit"] == "MACs"
    assert rows["resnet18"]["torch_unit"] == "FLOPs"
    # before torch 2.15 FlopCounterMode does not know the fused attention of a CPU
    heads, tokens, size, layers = 12, 50, 64, 12
    unseen = 0 if ATTENTION_ON_CPU else layers * heads * 2 * tokens * tokens * size
    assert rows["vit_b_32"]["torch"] == 2 * (rows["vit_b_32"]["default"] - unseen)
    plain = run("compare", "resnet18", "vit_b_32", "--convention", "default,torch")[1].splitlines()
    assert plain[0].split() == ["model", "params", "default", "(MACs)", "torch", "(FLOPs)"]
    assert plain[1].split() == [
        "resnet18",
        "11.7",
        "M",
        "1.81",
        "G",
        "3.63",
        "G",
    ]  # torchvision's table: 1.814 G MACs


@pytest.mark.usefixtures("folder")
def test_models_side_by_side_on_one_input(run, folder):
    ask = ("compare", "small_models.py:small", "small_models.py:Secret", "--input", "2,8")
    assert run(*ask, "--output", "rows.csv")[0] == 0
    assert (folder / "rows.csv").read_text() == (
        # 8 * 4 + 4; 2 * 8 * 4
        "model,params,default,default_unit,uncounted\n"
        "small_models.py:small,36,64,MACs,0\n"
        "small_models.py:Secret,0,0,MACs,1\n"
    )
    status, out, err = run(*ask, "--format", "markdown")
    assert status == 0
    assert out.splitlines()[0] == "| model | params | default (MACs) | uncounted |"
    assert "cliconventions::secret has no formula" in err


def test_a_comparison_that_cannot_be_made(run):
    assert run("compare")[0] == 2
    status, _, err = run("compare", "resnet18", "resnet18")
    assert status == 2
    assert "twice" in err
    status, _, err = run("compare", "resnet18", "resnet81")
    assert status == 2
    assert "resnet18" in err


def test_models_side_by_side_for_a_paper(run, folder):
    """8 * 4 and 4 parameters, and 1,000 rows of 8 * 4 MACs."""
    ask = ("compare", "small_models.py:small", "--input", "1000,8")
    status, out, _ = run(*ask, "--format", "latex")
    assert status == 0
    assert r"Model & Params & kMACs \\" in out
    assert r"small\_models.py:small & 36 & 32.00 \\" in out

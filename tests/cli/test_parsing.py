"""The help of each command, and what is said of a wrong command line."""

import subprocess
import sys

import pytest

from hookcount.cli import main

COMMANDS = [[], ["compare"], ["measure"], ["size"]]


@pytest.fixture
def run(capsys):
    def run(*words):
        status = main(words)
        return status, *capsys.readouterr()

    return run


@pytest.mark.parametrize("columns", ["80", "200", None])
@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_fits_80_columns(run, monkeypatch, command, columns):
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    else:
        monkeypatch.delenv("COLUMNS", raising=False)
    status, out, _ = run(*command, "--help")
    assert status == 0
    assert max(map(len, out.splitlines())) <= 80


def test_the_help_in_a_pipe_fits_80_columns():
    words = [sys.executable, "-m", "hookcount", "measure", "--help"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=True)
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_has_groups_examples_and_the_exit_status(run, command):
    _, out, _ = run(*command, "--help")
    for said in ("model and input:", "result:", "general:", "examples:", "exit status:", "--trust"):
        assert said in out
    examples = out.partition("examples:\n")[2].partition("\n\n")[0].splitlines()
    assert len(examples) >= 3
    assert all(each.startswith("  hookcount ") for each in examples)
    statuses = out.partition("exit status:\n")[2].splitlines()[:4]
    assert [each.split()[0] for each in statuses] == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name a model, as in hookcount resnet50"),
        (["compare"], "name a model, as in hookcount compare resnet50"),
        (["resnet18", "--dept", "3"], "did you mean --depth?"),
        (["measure", "resnet18", "--repeats=3"], "did you mean --repeat?"),
        (["resnet18", "vgg11"], "hookcount compare MODEL vgg11"),
        (["comprae", "resnet18", "vgg11"], "hookcount compare resnet18"),
        (["mesure", "resnet18"], "hookcount measure resnet18"),
        (["mesure"], "did you mean hookcount measure MODEL?"),
        (["resnet18", "--depth", "-1"], "-1 is less than 0"),
        (["resnet18", "--depth", "x"], "--depth"),
        (["measure", "resnet18", "--batch", "0"], "0 is less than 1"),
        (["resnet18", "--format", "xml"], "--format"),
        (["resnet18", "--output"], "--output"),
        (["resnet18", "--device", "cuda:99"], "'cuda:99' cannot be used"),
        (["resnet18", "--device", "nothing"], "'nothing' cannot be used"),
        ([""], "a part of the name is missing"),
        ([" "], "a part of the name is missing"),
    ],
)
def test_wrong_usage_says_what_to_do(run, words, said):
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("To fix it: ") == 1
    assert "usage:" not in err


@pytest.mark.parametrize("name", ["sizer.py:net", "package.compare:net", "compare/net.py:net"])
def test_a_model_whose_name_is_like_a_command(run, name):
    status, _, err = run(name, "extra")
    assert status == 2
    assert "no such command" not in err

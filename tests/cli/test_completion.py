"""Scripts for completion. That of bash runs in a bash."""

import os
import shutil
import subprocess
import sys

import pytest
from torchvision import models

from hookcount.cli import main
from hookcount.cli.completion import SHELLS
from hookcount.conventions import CONVENTIONS


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """A folder with the scripts and a few files."""
    folder = tmp_path_factory.mktemp("completion")
    for shell in SHELLS:
        path = folder / f"script.{shell}"
        with path.open("w") as file, pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdout", file)
            assert main(["--completion", shell]) == 0
    (folder / "my net.pt2").touch()
    return folder


def found(folder, *words):
    """What bash completes the last of the words to."""
    line = " ".join(f"'{each}'" for each in words)
    code = (
        f"source script.bash; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _hookcount; "
        "printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(
        ["bash", "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


needs_bash = pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")


@needs_bash
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["comp"], ["compare"]),
        (["resnet1"], [each for each in models.list_models() if each.startswith("resnet1")]),
        (["compare", "alexnet", "vgg19"], ["vgg19", "vgg19_bn"]),
        (["compare", "comp"], []),
        (["resnet18", "--conv"], ["--convention"]),
        (["measure", "resnet18", "--conv"], []),
        (["measure", "resnet18", "--no"], ["--no-modules"]),
        (["resnet18", "--format", "mark"], ["markdown"]),
        (["measure", "resnet18", "--dtype", "b"], ["bfloat16"]),
        (["resnet18", "--convention", "torch"], [e for e in CONVENTIONS if e.startswith("torch")]),
        (["resnet18", "--convention", "thop,fv"], ["thop,fvcore"]),
        (["resnet18", "--optimizer", "adamw"], ["adamw"]),
        (["compare", "resnet18", "--phase", "back"], ["backward"]),
        (["resnet18", "--output", "my"], ["my net.pt2"]),
        (["size", "my"], ["my net.pt2"]),
        (["resnet18", "--depth", ""], [""]),  # any number
        (["--completion", "z"], ["zsh"]),
    ],
)
def test_bash(scripts, words, expected):
    assert sorted(found(scripts, "hookcount", *words)) == sorted(expected or [""])


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_reads_its_script(scripts, shell):
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell}")
    subprocess.run([shell, "-n", f"script.{shell}"], cwd=scripts, check=True)


def test_fish_has_each_option_and_model(scripts):
    text = (scripts / "script.fish").read_text()
    for said in ("-l convention", "-l trust", "-l no-modules", "resnet50", "-a compare"):
        assert said in text


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk():
    words = [sys.executable, "-m", "hookcount", "--completion", "bash"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, timeout=300)
    assert done.returncode == 2
    assert done.stderr.startswith("hookcount: error: stdout: ")


def test_a_shell_that_is_not_known(capsys):
    assert main(["--completion", "ksh"]) == 2
    assert main(["--completion"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "ksh" in err

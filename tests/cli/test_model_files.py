"""The same words for a model work in each command: files, and what they need."""

import json
import sys
import warnings

import pytest
import torch
from helpers.saved import save_program, save_script

SOURCE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
    def forward(self, x):
        return self.conv(x)
"""
MACS = 2 * 4 * 6 * 6 * 3 * 3 * 3  # two images of 8 x 8
PARAMS = 4 * 3 * 3 * 3 + 4
QUICK = ("--warmup", "0", "--repeat", "1", "--min-seconds", "0", "--no-modules")
GIVEN = ("--input", "2x3x8x8")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with one model in files of each kind."""
    (tmp_path / "cli_net.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("hookcount.seconds.machine.cpu_name", lambda: "Test CPU")
    from cli_net import Net

    net, images = Net().eval(), torch.zeros(2, 3, 8, 8)
    save_program(net, "net.pt2", (images,))
    save_script(net, "script.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(net, images).save("trace.ts")
    torch.save(net, "whole.pth")
    torch.save(net.state_dict(), "weights.pt")
    yield tmp_path
    sys.modules.pop("cli_net", None)


WORDS = {
    "net.pt2": (),
    "script.pt": GIVEN,
    "trace.ts": GIVEN,
    "whole.pth": (*GIVEN, "--trust"),
    "cli_net.py:Net": GIVEN,
    "cli_net:Net": GIVEN,
}


@pytest.mark.parametrize("name", WORDS)
def test_each_command_takes_each_model(run, folder, name):
    words = WORDS[name]
    status, out, err = run(name, *words, "--format", "json")
    assert (status, err) == (0, "")
    assert json.loads(out)["macs"] == MACS
    status, out, _ = run("compare", name, *words, "--format", "json")
    assert [row["default"] for row in json.loads(out)] == [MACS]
    status, out, err = run("measure", name, *words, *QUICK, "--format", "json")
    assert (status, err) == (0, "")
    assert json.loads(out)["macs"] == MACS
    trust = ("--trust",) if "--trust" in words else ()
    status, out, _ = run("size", name, *trust, "--format", "json")
    assert json.loads(out)["parameters"] == PARAMS


def test_several_kinds_beside_each_other(run, folder):
    status, out, _ = run("compare", "net.pt2", "cli_net.py:Net", "whole.pth", "--trust", *GIVEN)
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == [
        "net.pt2",
        "cli_net.py:Net",
        "whole.pth",
    ]


def test_the_printed_input_can_be_given_again(run, folder):
    first = run("net.pt2")[1].splitlines()[0]
    assert first.endswith(", input 2x3x8x8")
    assert (
        run("script.pt", "--input", first.rpartition(" ")[2])[1]
        .splitlines()[0]
        .endswith(first[-8:])
    )


@pytest.mark.parametrize("command", [(), ("compare",), ("measure",), ("size",)])
@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("whole.pth", 2, "add --trust"),
        ("weights.pt", 1, "the file holds weights"),
        ("gone.pt2", 2, "there is no file gone.pt2"),
        ("cut.pt2", 1, "damaged or not complete"),
        ("model.onnx", 2, "does not read ONNX"),
    ],
)
def test_each_command_refuses_alike(run, folder, command, name, status, said):
    (folder / "model.onnx").write_bytes(b"x")
    (folder / "cut.pt2").write_bytes((folder / "net.pt2").read_bytes()[:300])
    found, out, err = run(*command, name)
    assert (found, out) == (status, "")
    assert said in err
    assert err.count("To fix it: ") == 1


def test_a_script_without_an_input(run, folder):
    status, _, err = run("script.pt")
    assert status == 2
    assert "forward needs x" in err


def test_a_program_has_its_sizes(run, folder):
    status, _, err = run("net.pt2", "--input", "5x3x8x8")
    assert status == 1
    assert "(now: 5x3x8x8)" in err
    status, _, err = run("measure", "net.pt2", "--batch", "3", *QUICK)
    assert status == 1

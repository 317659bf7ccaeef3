"""What torch and the operating system report of a device."""

import subprocess
from types import SimpleNamespace

import pytest
import torch

from hookcount.core.errors import InputError
from hookcount.seconds import at_hand as module
from hookcount.seconds.at_hand import AtHand, as_device, at_hand


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("cpu", torch.device("cpu")),
        ("cuda:1", torch.device("cuda", 1)),
        (torch.device("mps"), torch.device("mps")),
        (torch.zeros(2, device="meta"), torch.device("meta")),
        (torch.nn.Parameter(torch.zeros(2)), torch.device("cpu")),
    ],
)
def test_what_names_a_device(given, expected):
    assert as_device(given) == expected


@pytest.mark.parametrize("given", ["H100 SXM", None, 1.5, object()])
def test_what_names_none(given):
    with pytest.raises(InputError, match="is no device"):
        as_device(given)


def test_the_processor_has_a_name():
    found = at_hand(torch.device("cpu"))
    assert found.type == "cpu"
    assert found.name
    assert found.memory_bytes is None or found.memory_bytes > 2**27


def test_the_processor_of_linux(monkeypatch):
    text = "processor\t: 0\nmodel name\t: A Fast CPU @ 3.00GHz\nflags\t: a b\n"
    monkeypatch.setattr(module.Path, "read_text", lambda self: text)
    assert at_hand(torch.device("cpu")).name == "A Fast CPU @ 3.00GHz"


def test_the_chip_of_a_mac(monkeypatch):
    def run(command, **options):
        assert command == ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        return SimpleNamespace(stdout="Apple M1 Pro\n")

    def missing(self):
        raise FileNotFoundError(self)

    monkeypatch.setattr(module.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(module.subprocess, "run", run)
    monkeypatch.setattr(module.Path, "read_text", missing)
    assert at_hand(torch.device("mps")).name == "Apple M1 Pro"
    assert at_hand(torch.device("cpu")).name == "Apple M1 Pro"


def test_a_mac_that_does_not_answer(monkeypatch):
    def run(command, **options):
        raise subprocess.TimeoutExpired(command, 5)

    monkeypatch.setattr(module.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(module.subprocess, "run", run)
    assert at_hand(torch.device("mps")).name == ""


def test_a_card(monkeypatch):
    card = SimpleNamespace(name="NVIDIA L4", total_memory=23 * 10**9, multi_processor_count=58)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: card)
    found = at_hand(torch.device("cuda", 0))
    assert found == AtHand("cuda", "NVIDIA L4", 23 * 10**9, 58)
    assert str(found) == "cuda device 'NVIDIA L4' with 21.4 GiB and 58 multiprocessors"


def test_a_card_that_is_not_there(monkeypatch):
    def properties(device):
        raise AssertionError("Torch not compiled with CUDA enabled")

    monkeypatch.setattr(torch.cuda, "get_device_properties", properties)
    with pytest.raises(InputError, match="cannot reach the device 'cuda'"):
        at_hand(torch.device("cuda"))


def test_a_device_without_properties():
    with pytest.raises(InputError, match="no properties of a device of type 'meta'"):
        at_hand(torch.device("meta"))


def test_a_tpu(monkeypatch):
    monkeypatch.setenv("TPU_ACCELERATOR_TYPE", "v5litepod-16")
    assert at_hand(torch.device("xla")).name == "v5litepod"

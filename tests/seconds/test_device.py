"""``Device``: by name, by what is reported, and measured."""

import copy
import dataclasses
import pickle
from types import SimpleNamespace

import pytest
import torch

import hookcount
from hookcount import Device, InputError, UnknownDeviceError
from hookcount.core.devices import ALL, find
from hookcount.seconds import at_hand


@pytest.mark.parametrize("row", ALL, ids=lambda row: row.name)
def test_a_device_by_name_is_the_row(row):
    device = Device(row.name)
    assert isinstance(device, type(row))
    assert vars(device) == vars(row)


def test_a_device_is_a_value():
    device = Device("H100 SXM")
    assert device == Device("nvidia h100-sxm5") != Device("H100 PCIe")
    assert len({device, Device("H100SXM")}) == 1
    assert pickle.loads(pickle.dumps(device)) == copy.deepcopy(device) == device
    assert type(copy.copy(device)) is Device
    with pytest.raises(dataclasses.FrozenInstanceError):
        device.name = "mine"


def test_a_peak():
    assert Device("A100 SXM 80GB").peak(torch.float16) == 312e12
    with pytest.raises(InputError, match="no dense peak for fp8"):
        Device("A100 SXM 80GB").peak(torch.float8_e5m2)


def test_an_unknown_name():
    with pytest.raises(UnknownDeviceError, match="H100 SXM, H100 PCIe, H100 NVL"):
        Device("H100")
    assert issubclass(hookcount.UnknownDeviceError, InputError)


@pytest.fixture
def card(monkeypatch):
    def report(name, gibibytes, multiprocessors):
        found = SimpleNamespace(
            name=name,
            total_memory=int(gibibytes * 2**30),
            multi_processor_count=multiprocessors,
        )
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: found)

    return report


@pytest.mark.parametrize(
    ("name", "gibibytes", "multiprocessors", "expected"),
    [
        ("NVIDIA H100 80GB HBM3", 79.2, 132, "H100 SXM"),
        ("NVIDIA H100 PCIe", 79.1, 114, "H100 PCIe"),
        ("NVIDIA H100 NVL", 93.1, 132, "H100 NVL"),
        ("NVIDIA H200", 139.8, 132, "H200 SXM"),
        ("NVIDIA B200", 178.4, 148, "B200"),
        ("NVIDIA A100-SXM4-40GB", 39.5, 108, "A100 SXM 40GB"),
        ("A100-SXM4-40GB", 39.5, 108, "A100 SXM 40GB"),
        ("NVIDIA A100-PCIE-40GB", 39.4, 108, "A100 PCIe 40GB"),
        ("NVIDIA A100-SXM4-80GB", 79.2, 108, "A100 SXM 80GB"),
        ("NVIDIA A100 80GB PCIe", 79.2, 108, "A100 PCIe 80GB"),
        ("NVIDIA L4", 22.0, 58, "L4"),
        ("NVIDIA L40S", 44.4, 142, "L40S"),
        ("NVIDIA A10", 22.1, 72, "A10"),
        ("Tesla T4", 14.6, 40, "T4"),
        ("Tesla V100-SXM2-16GB", 15.8, 80, "V100 SXM2 16GB"),
        ("Tesla V100-PCIE-32GB", 31.7, 80, "V100 PCIe 32GB"),
        ("NVIDIA GeForce RTX 3090", 23.7, 82, "RTX 3090"),
        ("NVIDIA GeForce RTX 4090", 23.5, 128, "RTX 4090"),
        ("NVIDIA GeForce RTX 5090", 31.4, 170, "RTX 5090"),
        ("Orin", 61.4, 16, "Jetson AGX Orin 64GB"),
        ("Orin", 29.8, 14, "Jetson AGX Orin 32GB"),
        ("Orin", 15189422080 / 2**30, 8, "Jetson Orin NX 16GB"),
        ("AMD Instinct MI300X", 191.9, 304, "MI300X"),
    ],
)
def test_a_card_is_found_by_what_the_driver_reports(
    card, name, gibibytes, multiprocessors, expected
):
    card(name, gibibytes, multiprocessors)
    assert Device.of("cuda") == Device.of(torch.device("cuda", 0)) == Device(expected)


@pytest.mark.parametrize(
    ("name", "gibibytes", "multiprocessors"),
    [
        ("NVIDIA A10G", 22.0, 80),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", 16.0, 76),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", 9.8, 16),
        ("Quadro K2000", 2.0, 2),
        ("", 8.0, 8),
    ],
)
def test_a_card_that_is_not_listed_is_named(card, name, gibibytes, multiprocessors):
    card(name, gibibytes, multiprocessors)
    with pytest.raises(UnknownDeviceError) as error:
        Device.of("cuda")
    assert f"The cuda device {name!r} with" in str(error.value)
    assert f"{multiprocessors} multiprocessors is not listed" in str(error.value)


def test_a_part_of_a_card_is_not_the_card(card):
    card("NVIDIA A100-SXM4-40GB", 4.8, 14)
    with pytest.raises(UnknownDeviceError, match="name of A100 SXM 40GB, but another size"):
        Device.of("cuda")


def test_a_card_that_fits_two_rows_is_neither(card):
    card("Orin", 7.4, 8)
    with pytest.raises(UnknownDeviceError, match="Jetson Orin NX 8GB, Jetson Orin Nano 8GB"):
        Device.of("cuda")


def test_the_processor_of_a_mac_is_not_its_gpu(monkeypatch):
    monkeypatch.setattr(at_hand, "cpu_name", lambda: "Apple M1 Pro")
    monkeypatch.setattr(at_hand, "_sysctl", lambda key: "Apple M1 Pro")
    assert Device.of("mps") == Device("M1 Pro")
    with pytest.raises(UnknownDeviceError, match="'Apple M1 Pro'"):
        Device.of("cpu")


def test_a_chip_with_two_sizes_is_neither(monkeypatch):
    monkeypatch.setattr(at_hand, "_sysctl", lambda key: "Apple M4 Max")
    with pytest.raises(UnknownDeviceError, match="M4 Max \\(32-core GPU\\)"):
        Device.of("mps")


def test_a_processor(monkeypatch):
    monkeypatch.setattr(at_hand, "cpu_name", lambda: "Intel(R) Xeon(R) Platinum 8480+")
    assert Device.of(torch.zeros(2)).name == "Xeon Platinum 8480+"


def test_a_tpu(monkeypatch):
    monkeypatch.setenv("TPU_ACCELERATOR_TYPE", "v4-8")
    assert Device.of("xla") == Device("TPU v4")


def test_of_what_is_no_device():
    with pytest.raises(InputError, match="is no device"):
        Device.of("H100 SXM")


def test_a_measured_device_is_a_device():
    device = Device.calibrate("cpu", dtypes=["fp32"], size=64, seconds=0.01)
    assert type(device) is Device
    assert device.measured
    assert not find("H100 SXM").measured
    assert device.peak(torch.float32) > 1e6

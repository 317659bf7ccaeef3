"""Names of devices: those that are found, and the error for all others."""

import pytest

from hookcount.core.devices import ALL, find, reported_as
from hookcount.core.errors import InputError, UnknownDeviceError


@pytest.mark.parametrize("row", ALL, ids=lambda row: row.name)
def test_each_row_is_found_by_its_names(row):
    for name in (row.name, *row.also):
        assert find(name) is row
        assert find(name.upper()) is row
        assert find(name.lower().replace(" ", "-")) is row
        assert find(f"{row.maker} {name}") is row


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("h100_sxm5", "H100 SXM"),
        ("NVIDIA H100 80GB HBM3", "H100 SXM"),
        ("H100SXM", "H100 SXM"),
        ("nvidia geforce rtx 4090", "RTX 4090"),
        ("RTX4090", "RTX 4090"),
        ("A100-SXM4-80GB", "A100 SXM 80GB"),
        ("a100 pcie 40 gb", "A100 PCIe 40GB"),
        ("AMD Instinct MI300X", "MI300X"),
        ("tpu-v5e", "TPU v5e"),
        ("v5litepod", "TPU v5e"),
        ("Apple M4 Pro", "M4 Pro"),
        ("Intel(R) Xeon(R) Platinum 8480+", "Xeon Platinum 8480+"),
    ],
)
def test_useful_names(name, expected):
    assert find(name).name == expected


@pytest.mark.parametrize(
    ("name", "variants"),
    [
        ("A100", ["A100 SXM 40GB", "A100 SXM 80GB", "A100 PCIe 40GB", "A100 PCIe 80GB"]),
        ("A100 80GB", ["A100 SXM 80GB", "A100 PCIe 80GB"]),
        ("H100", ["H100 SXM", "H100 PCIe", "H100 NVL"]),
        ("V100 PCIe", ["V100 PCIe 16GB", "V100 PCIe 32GB"]),
        ("M4 Max", ["M4 Max (32-core GPU)", "M4 Max (40-core GPU)"]),
    ],
)
def test_a_name_of_several_variants_is_none_of_them(name, variants):
    with pytest.raises(UnknownDeviceError) as error:
        find(name)
    assert f"Names alike: {', '.join(variants)}." in str(error.value)


@pytest.mark.parametrize(
    ("name", "near"),
    [("H100 SMX", "H100 SXM"), ("RTX 4O90", "RTX 4090"), ("MI300", "MI300X"), ("A10G", "A10")],
)
def test_an_unknown_name_has_near_names(name, near):
    with pytest.raises(UnknownDeviceError) as error:
        find(name)
    assert near in str(error.value).partition("Names alike: ")[2]
    assert "hookcount.devices()" in str(error.value)


@pytest.mark.parametrize("name", ["", " ", "toaster 9000", "NVIDIA", "B100"])
def test_nothing_falls_back(name):
    with pytest.raises(UnknownDeviceError):
        find(name)


@pytest.mark.parametrize("name", [None, 100, b"H100 SXM"])
def test_what_is_no_name(name):
    with pytest.raises(InputError, match="is no name of a device"):
        find(name)


def test_the_error_is_a_lookup_error():
    with pytest.raises(LookupError):
        find("toaster")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("NVIDIA A100-SXM4-40GB", ["A100 SXM 40GB"]),
        ("A100-SXM4-40GB", ["A100 SXM 40GB"]),
        ("NVIDIA A100 80GB PCIe", ["A100 PCIe 80GB"]),
        ("Tesla T4", ["T4"]),
        ("Tesla V100-SXM2-16GB", ["V100 SXM2 16GB"]),
        ("NVIDIA GeForce RTX 4090", ["RTX 4090"]),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", []),
        ("NVIDIA A10G", []),
        ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", []),
    ],
)
def test_names_that_a_driver_reports(name, expected):
    assert [each.name for each in reported_as(name)] == expected

"""The figures of the table: what must hold of them, whatever they are."""

import re

import pytest

from hookcount.core.devices import ALL, DTYPES, find

ROWS = pytest.mark.parametrize("row", ALL, ids=lambda row: row.name)

NAMED = [
    *("A100 SXM 40GB", "A100 SXM 80GB", "A100 PCIe 40GB", "A100 PCIe 80GB"),
    *("H100 SXM", "H100 PCIe", "H100 NVL", "H200", "B200", "GB200", "L4", "L40S", "A10", "T4"),
    *("V100 SXM2 16GB", "V100 SXM2 32GB", "V100 PCIe 16GB", "V100 PCIe 32GB", "V100S"),
    *("RTX 3090", "RTX 4090", "RTX 5090", "MI300X", "TPU v4", "TPU v5e", "TPU v5p"),
    *("Jetson AGX Orin 64GB", "Jetson AGX Orin 32GB", "Jetson Orin NX 16GB"),
    *("Jetson Orin Nano 8GB", "M1", "M1 Max", "M2 Ultra", "M4 Pro", "Xeon Platinum 8480+"),
]


def test_names_are_distinct():
    assert len({row.name for row in ALL}) == len(ALL)


@pytest.mark.parametrize("name", NAMED)
def test_the_table_has_the_variants(name):
    find(name)


@ROWS
def test_each_row_has_documents_with_title_address_and_date(row):
    assert row.documents
    for each in row.documents:
        assert each.title
        assert re.match(r"https://\S+\.\S+$", each.url)
        assert re.search(r"\d", each.date)
        assert row.maker in each.title + each.url.title() or row.maker in ("Apple", "Intel")


@ROWS
def test_each_row_has_a_figure_or_says_why_not(row):
    figures = [*row.dense.stated().values(), *row.sparse.stated().values()]
    figures += [each for each in (row.memory_bytes, row.memory_bytes_per_second) if each]
    assert figures or row.note
    assert all(each > 0 for each in figures)
    assert row.kind in ("GPU", "TPU", "SoC", "CPU")


@ROWS
def test_sparse_is_twice_dense(row):
    """But for rounding. The sheet of the L40S prints 362.05 beside 733, which is 1.2 % more."""
    dense = row.dense.stated()
    for dtype, sparse in row.sparse.stated().items():
        assert sparse == pytest.approx(2 * dense[dtype], rel=0.013 if row.name == "L40S" else 1e-3)


@ROWS
def test_a_peak_halves_with_each_doubling_of_the_width(row):
    """FP16 and BF16 are equally fast; a matrix unit does an 8-bit product at twice their speed."""
    dense = row.dense.stated()
    if "bf16" in dense and "fp16" in dense:
        assert dense["bf16"] == dense["fp16"]
    ordered = [
        dense[each] for each in ("fp64", "fp32", "tf32", "bf16", "fp8", "fp4") if each in dense
    ]
    assert ordered == sorted(ordered)
    for narrow, wide in (("fp8", "bf16"), ("int8", "fp8"), ("fp4", "fp8"), ("bf16", "tf32")):
        if narrow in dense and wide in dense:
            ratio = dense[narrow] / dense[wide]
            assert any(ratio == pytest.approx(each, rel=0.025) for each in (1, 2, 4))


@ROWS
def test_matrices_of_some_size_are_limited_by_arithmetic(row):
    """A 16-bit product of 1024 x 1024 matrices does 2 * 1024 / 6 operations a byte."""
    if row.dense.bf16 and row.memory_bytes_per_second:
        assert 50 < row.dense.bf16 / row.memory_bytes_per_second < 500


FLOPS_PER_UNIT_AND_CLOCK = {
    # 8 tensor cores of 64 multiply-accumulates; 4 of 256; 4 of 512
    "V100 SXM2 16GB": 2 * 8 * 64,
    "V100 SXM2 32GB": 2 * 8 * 64,
    "A100 SXM 40GB": 2 * 4 * 256,
    "A100 SXM 80GB": 2 * 4 * 256,
    "A100 PCIe 40GB": 2 * 4 * 256,
    "A100 PCIe 80GB": 2 * 4 * 256,
    "H100 SXM": 2 * 4 * 512,
    # 4 tensor cores of 128, at half speed with sums in FP32
    "RTX 3090": 4 * 128,
    "RTX 4090": 4 * 128,
    "RTX 5090": 4 * 128,
    # 4 matrix cores of 256
    "MI300X": 2 * 4 * 256,
}


@ROWS
def test_the_peak_is_units_times_operations_times_clock(row):
    """Where the documents give the multiprocessors and their clock."""
    if row.units is None or row.clock_hz is None:
        assert row.name not in FLOPS_PER_UNIT_AND_CLOCK
        return
    assert row.dense.fp16 == pytest.approx(
        row.units * FLOPS_PER_UNIT_AND_CLOCK[row.name] * row.clock_hz, rel=0.005
    )


def test_the_figures_of_the_field_that_are_wrong_by_two():
    """1979 TFLOP/s of an H100, 733 of an L40S and 330 of an RTX 4090 are not dense BF16 peaks."""
    assert find("H100 SXM").peak("bf16") == 989.4e12
    assert find("L40S").peak("bf16") == 362.05e12
    assert find("RTX 4090").peak("bf16") == 165.2e12
    assert find("L4").peak("bf16") == 121e12


def test_the_peaks_of_a_dtype_without_a_unit_are_empty():
    for name in ("V100 SXM2 16GB", "T4"):
        assert find(name).dense.bf16 is None
    for name in ("A100 SXM 80GB", "RTX 3090"):
        assert find(name).dense.fp8 is None
    assert [row.name for row in ALL if row.dense.fp4] == ["B200", "GB200", "RTX 5090"]
    assert set(DTYPES) == set(find("B200").dense.stated())

"""The table of devices as a DataFrame."""

import math

import hookcount
from hookcount.core.devices import ALL

FRAME = hookcount.devices()


def row(name):
    return FRAME.set_index("name").loc[name]


def test_one_row_per_device():
    assert FRAME["name"].tolist() == [each.name for each in ALL]


def test_dense_and_sparse_peaks_have_columns_of_their_own():
    found = row("A100 SXM 80GB")
    assert found["bf16_flops_per_second"] == 312e12
    assert found["bf16_sparse_flops_per_second"] == 624e12
    assert found["int8_ops_per_second"] == 624e12
    assert found["int8_sparse_ops_per_second"] == 1248e12
    assert found["memory_bytes"] == 80e9
    assert found["memory_bytes_per_second"] == 2039e9


def test_a_figure_without_a_document_is_missing():
    assert math.isnan(row("T4")["bf16_flops_per_second"])
    assert math.isnan(row("M1")["fp32_flops_per_second"])
    assert math.isnan(row("M1 Pro")["memory_bytes"])


def test_figures_are_floats_so_that_they_can_be_compared():
    figures = [name for name in FRAME.columns if name.endswith(("_per_second", "_bytes"))]
    assert len(figures) == 2 * 8 + 2
    assert {str(FRAME[name].dtype) for name in figures} == {"float64"}
    assert FRAME.loc[FRAME["bf16_flops_per_second"].idxmax(), "name"] == "GB200"


def test_each_row_has_its_documents():
    assert FRAME["document"].str.len().min() > 0
    assert FRAME["url"].str.startswith("https://").all()
    assert FRAME["date"].str.len().min() > 0
    assert row("H100 SXM")["url"].split() == [each.url for each in ALL[11].documents]

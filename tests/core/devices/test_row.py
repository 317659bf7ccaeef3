"""A row of the table of devices."""

import copy
import dataclasses
import pickle

import pytest
import torch

from hookcount.core.devices import DTYPES, DeviceRow, Document, Peaks
from hookcount.core.devices.row import tera
from hookcount.core.errors import InputError

SHEET = Document("A sheet", "https://example.org/sheet", "2020-01-02")
ROW = DeviceRow(
    name="X1",
    maker="A maker",
    kind="GPU",
    dense=tera(fp32=10, bf16=40.5),
    sparse=tera(bf16=81),
    memory_bytes=8 * 10**9,
    memory_bytes_per_second=5e11,
    documents=(SHEET,),
    note="a note",
)


def test_figures_are_in_operations_a_second():
    assert tera(fp8=0.125, int8=1978.9) == Peaks(fp8=125e9, int8=1_978_900e9)


def test_every_dtype_has_a_peak():
    assert tuple(each.name for each in dataclasses.fields(Peaks)) == DTYPES


@pytest.mark.parametrize("dtype", ["bf16", "bfloat16", torch.bfloat16])
def test_a_peak_by_dtype(dtype):
    assert ROW.peak(dtype) == 40.5e12
    assert ROW.sparse_peak(dtype) == 81e12


def test_an_empty_figure_is_an_error_that_names_the_document():
    with pytest.raises(InputError) as error:
        ROW.peak(torch.float16)
    assert "X1 has no dense peak for fp16: it is not stated in: A sheet" in str(error.value)
    assert "There is one for fp32, bf16" in str(error.value)
    with pytest.raises(InputError, match="no sparse peak for fp32"):
        ROW.sparse_peak("fp32")


def test_a_row_without_any_peak_says_so():
    with pytest.raises(InputError, match="There is none at all"):
        dataclasses.replace(ROW, dense=Peaks()).peak("fp32")


def test_a_row_is_frozen_hashable_and_can_be_copied():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ROW.name = "X2"
    with pytest.raises(dataclasses.FrozenInstanceError):
        ROW.dense.fp32 = 1.0
    assert {ROW: 1}[copy.deepcopy(ROW)] == 1
    assert pickle.loads(pickle.dumps(ROW)) == ROW


def test_the_text_has_all_figures_and_the_document():
    assert str(ROW).splitlines() == [
        "X1: GPU of A maker",
        "  dense   fp32 10.0 TFLOP/s, bf16 40.5 TFLOP/s",
        "  sparse  bf16 81.0 TFLOP/s",
        "  memory  8.00 GB, 500 GB/s",
        "  from    A sheet (2020-01-02) https://example.org/sheet",
        "  note    a note",
    ]


def test_the_text_says_what_is_quoted_measured_or_missing():
    quoted = dataclasses.replace(SHEET, quoted_in="a book")
    row = dataclasses.replace(
        ROW, documents=(quoted,), measured=True, memory_bytes=None, memory_bytes_per_second=None
    )
    assert "X1: GPU of A maker, measured" in str(row)
    assert "as quoted in a book" in str(row)
    assert "memory  not stated" in str(row)

"""Parquet files, read back with pandas."""

import io
import sys
from decimal import Decimal

import pandas as pd
import pytest

import hookcount
from hookcount.tables.exact import frame
from hookcount.tables.parquet import parquet


def back(given):
    pytest.importorskip("pyarrow")
    return pd.read_parquet(io.BytesIO(parquet(given)))


def test_a_frame_comes_back_with_its_attrs():
    given = frame(
        {"path": ["", "1", "1.0", "nan"], "macs": [3, 2, 1, 0], "share": [0.5, 0.25, 0.0, 1.0]}
    )
    given.attrs.update(unit="MACs", figure=10**30, versions={"torch": "2"})
    found = back(given)
    assert found.equals(given)
    if pd.__version__ >= "2.1":
        assert found.attrs == given.attrs


@pytest.mark.parametrize("values", [[2**62, 2**62], [2**63, 0], [10**27, 3]])
def test_large_figures_are_decimals_with_exact_sums(values):
    found = back(frame({"macs": values, "calls": [1, 2]}))
    assert found["macs"].tolist() == [Decimal(each) for each in values]
    assert int(found["macs"].sum()) == sum(values)
    assert found["calls"].dtype == "int64"
    assert found.attrs == {"decimals": ["macs"]} or pd.__version__ < "2.1"


def test_the_largest_are_texts():
    found = back(frame({"macs": [10**40, 1], "calls": [1, 2]}))
    assert [int(each) for each in found["macs"]] == [10**40, 1]
    assert found.attrs == {"texts": ["macs"]} or pd.__version__ < "2.1"


def test_missing_values_and_odd_texts():
    found = back(frame({"macs": [2**70, None], "path": ["\udc80", "a\nb"]}))
    assert found["macs"].tolist() == [Decimal(2**70), None]
    assert found["path"].tolist() == [r"\udc80", "a\nb"]


def test_no_rows():
    assert back(frame({"macs": [], "path": []})).columns.tolist() == ["macs", "path"]


def test_without_pyarrow(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(hookcount.MissingPackageError, match=r"hookcount\[parquet\]"):
        parquet(pd.DataFrame({"a": [1]}))

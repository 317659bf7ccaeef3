"""Workbooks, read back with openpyxl."""

import io
import sys

import pandas as pd
import pytest

import hookcount
from hookcount.tables.excel import excel

openpyxl = pytest.importorskip("openpyxl")


def cells(frame):
    page = openpyxl.load_workbook(io.BytesIO(excel(frame))).worksheets[0]
    return [list(row) for row in page.iter_rows()]


def test_values_come_back():
    frame = pd.DataFrame(
        {
            "path": ["(model)", "1", "1.0"],
            "macs": [10**14, 2, 3],
            "share": [0.5, 0.25, float("nan")],
        }
    )
    values = [[cell.value for cell in row] for row in cells(frame)]
    assert values == [
        ["path", "macs", "share"],
        ["(model)", 10**14, 0.5],
        ["1", 2, 0.25],
        ["1.0", 3, None],
    ]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "=HYPERLINK(1)", "1.0", "nan"])
def test_no_text_is_a_formula(text):
    ((_,), (cell,)) = cells(pd.DataFrame({"path": [text]}))
    assert (cell.value, cell.data_type) == (text, "s")


def test_control_characters_and_long_texts():
    found = [
        row[0].value for row in cells(pd.DataFrame({"path": ["\x1b[2J", "a\nb", "x" * 40_000]}))
    ]
    assert found[1:3] == [r"\x1b[2J", r"a\nb"]
    assert len(found[3]) == 32_767


@pytest.mark.parametrize("large", [10**15, 2**63, 10**40])
def test_a_column_of_large_numbers_is_text_and_the_workbook_says_so(large):
    frame = pd.DataFrame({"a": pd.Series([large, 1], dtype=object), "b": [1, 2]})
    frame.attrs.update(unit="MACs", figure=large, versions={"torch": "2"})
    assert [[cell.value for cell in row] for row in cells(frame)][1:] == [
        [str(large), 1],
        ["1", 2],
    ]
    about = openpyxl.load_workbook(io.BytesIO(excel(frame)))["about"]
    said = {row[0].value: row[1].value for row in about.iter_rows()}
    assert said["unit"] == "MACs"
    assert said["figure"] == str(large)
    assert said["torch"] == "2"
    assert said["text because of their size"] == "a"


def test_without_openpyxl(monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(hookcount.MissingPackageError, match=r"hookcount\[excel\]"):
        excel(pd.DataFrame({"a": [1]}))
    assert issubclass(hookcount.MissingPackageError, ImportError)


def test_the_name_of_a_column_is_no_formula():
    book = openpyxl.load_workbook(io.BytesIO(excel(pd.DataFrame({"=1+1": [1]}))))
    assert book["modules"]["A1"].data_type == "s"

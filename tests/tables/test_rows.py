"""Rows as CSV, JSON and Markdown, each read back or written out."""

import csv
import io
import json

import pandas as pd

from hookcount.tables import rows

FRAME = pd.DataFrame(
    {"path": ["", "a,b", 'c"d'], "macs": [2**40 + 1, 0, 3], "share": [0.5, 0.25, 0.25]}
)


def test_csv_can_be_read_back():
    text = rows.csv(FRAME)
    assert text.startswith("path,macs,share\n")
    assert text.endswith("\n")
    assert "\r" not in text
    assert list(csv.reader(io.StringIO(text))) == [
        ["path", "macs", "share"],
        ["", str(2**40 + 1), "0.5"],
        ["a,b", "0", "0.25"],
        ['c"d', "3", "0.25"],
    ]


def test_csv_of_no_rows_is_its_titles():
    assert rows.csv(FRAME[:0]) == "path,macs,share\n"


def test_records_are_plain_values_that_json_can_write():
    found = rows.records(FRAME)
    assert found[0] == {"path": "", "macs": 2**40 + 1, "share": 0.5}
    assert json.loads(rows.json(found)) == found
    assert rows.records(pd.DataFrame({1: [2]})) == [{"1": 2}]


def test_json_is_indented_and_ends_with_a_line_break():
    assert rows.json({"a": [1]}) == '{\n  "a": [\n    1\n  ]\n}\n'


def test_markdown():
    found = rows.markdown(["module", "MACs"], [["a", 12], ["b", 3]], right=["MACs"])
    assert found == "| module | MACs |\n|---|---:|\n| a | 12 |\n| b | 3 |\n"


def test_markdown_has_one_line_a_row_and_one_cell_a_column():
    (_, _, row) = rows.markdown(["module"], [["a|b\nc"]]).splitlines()
    assert row == "| a\\|b c |"


def test_markdown_of_no_rows_is_its_head():
    assert rows.markdown(["a", "b"], []) == "| a | b |\n|---|---|\n"

"""Rows as CSV, JSON and Markdown, each read back or written out."""

import csv
import io
import json

import pandas as pd
import pytest

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


def read_back(texts):
    """A column of texts, as pandas reads it from the CSV."""
    frame = pd.DataFrame({"path": texts, "macs": range(len(texts))})
    return pd.read_csv(io.StringIO(rows.csv(frame)))["path"].tolist()


@pytest.mark.parametrize(
    "texts",
    [
        ["(model)", "1", "1.0", "1.10"],
        ["(model)", "a b", "a,b", 'a"b', "a;b", "größe"],
        ["(model)", "1e5", "inf", "True", "0x10"],
    ],
)
def test_texts_survive_a_round_trip(texts):
    assert read_back(texts) == texts


@pytest.mark.parametrize(
    "texts",
    [
        ["1", "1.0", "1.10"],
        ["1"],
        ["inf", "1e5"],
        ["True", "false"],
        ["nan", "a"],
        ["NA", "null", "None", "N/A", "n/a", "<NA>", "#N/A", "NaN", "-nan", "1.#IND", "#N/A N/A"],
        ["=1+1", "+1", "-1", "@SUM(A1)", "a"],
        ["'quoted", "a"],
    ],
)
def test_a_text_that_a_reader_would_change_has_an_apostrophe(texts):
    found = read_back(texts)
    assert [each.removeprefix("'") for each in found] == texts
    assert all(each.startswith("'") for each, text in zip(found, texts, strict=True) if text != "a")


def test_no_cell_is_a_formula_or_has_a_control_character():
    frame = pd.DataFrame({"path": ["=cmd()", "\t=1", "\r=1", "-2", "\x1b[2J", "a\nb", "x" * 3000]})
    for (cell,) in list(csv.reader(io.StringIO(rows.csv(frame))))[1:]:
        assert cell[0] not in "=+-@\t\r"
        assert cell.isprintable()
    assert rows.csv(frame).count("\n") == 1 + 7
    assert "x" * 3000 in rows.csv(frame)


def test_negative_numbers_are_no_texts():
    assert rows.csv(pd.DataFrame({"a": [-1, 2], "b": [-0.5, 1.0]})) == "a,b\n-1,-0.5\n2,1.0\n"
    large = pd.DataFrame({"a": pd.Series([-(10**30), 2], dtype=object)})
    assert rows.csv(large) == f"a\n-{10**30}\n2\n"


def test_a_missing_value_is_null_in_json():
    frame = pd.DataFrame({"a": pd.Series([1, pd.NA], dtype="Int64"), "b": [0.5, float("nan")]})
    assert rows.records(frame) == [{"a": 1, "b": 0.5}, {"a": None, "b": None}]


def test_json_keeps_every_digit():
    frame = pd.DataFrame({"a": pd.Series([10**30, 2**63], dtype=object)})
    assert json.loads(rows.json(rows.records(frame))) == [{"a": 10**30}, {"a": 2**63}]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("<img onerror=x>", "&lt;img onerror=x>"),
        ("a&lt;b", "a&amp;lt;b"),
        ("__init__", r"\_\_init\_\_"),
        ("layer_1_x", "layer_1_x"),
        ("*a*`b`", r"\*a\*\`b\`"),
        ("[a](http://b)", r"\[a](http://b)"),
        ("\x1b[2J", r"\\x1b\[2J"),
    ],
)
def test_markdown_shows_a_text_as_it_is(text, cell):
    assert rows.markdown(["a"], [[text]]).splitlines()[2] == f"| {cell} |"


def test_markdown_cuts_a_long_text():
    one, other = (rows.markdown(["a"], [["x" * 3000 + end]]).splitlines()[2] for end in "12")
    assert one != other
    assert len(one) < 130


def test_the_name_of_a_column_is_no_formula():
    frame = pd.DataFrame({"=1+1": [1], "a\x1b[31m": [2], "plain": [3]})
    assert rows.csv(frame).splitlines()[0] == "'=1+1,a\\x1b[31m,plain"

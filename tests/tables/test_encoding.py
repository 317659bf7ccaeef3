"""Text for streams that lack characters."""

import io
import sys

import pytest

from hookcount.tables.encoding import encodable, printable

TREE = "├─ layer\n│  └─ 层…"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "cp437", "utf-8", "utf-16"])
def test_the_encoding_can_hold_it(encoding):
    text = encodable(TREE, encoding)
    assert text.encode(encoding).decode(encoding) == text
    assert text.count("\n") == 1
    assert "layer" in text


def test_names_stay_apart_and_lines_are_drawn():
    assert encodable("├─ 层", "cp1252") == r"|- \u5c42"
    assert encodable("├─ 屋", "cp1252") == r"|- \u5c4b"
    assert encodable(TREE, "utf-8") == TREE


def test_the_standard_output_decides(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="cp1252"))
    assert printable("├─") == "|-"
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert printable("├─") == "├─"
    monkeypatch.setattr(sys, "stdout", None)  # as under pythonw
    assert printable("├─") == "├─"

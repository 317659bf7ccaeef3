"""Texts for plotly, and what happens without it."""

import sys

import pytest

import hookcount
from hookcount.tables.figures.figure import Heading, drawn, harmless, hover


def test_nothing_in_a_name_is_markup_an_entity_or_a_formula():
    for name in ("<b>x</b>", "<a href='javascript:alert(1)'>x</a>", "&lt;", "$x$", "</script>"):
        text = harmless(name)
        assert not set("<>$") & set(text)
        assert (
            text.replace("&#36;", "$")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&")
            == name
        )


def test_control_characters_and_long_names():
    assert harmless("a\nb\x1b[31m") == "a\\nb\\x1b[31m"
    assert len(harmless("n" * 3000)) == 120


def test_the_lines_of_a_pointer():
    assert hover(["<i>a</i>", "", "b"]) == "<b>&lt;i&gt;a&lt;/i&gt;</b><br>b"


def test_without_plotly_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(hookcount.MissingPackageError, match=r"hookcount\[plot\]"):
        drawn([], Heading("a"))

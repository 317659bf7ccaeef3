"""Grids for people: as plain text, as HTML, in a terminal."""

import html
import io
import re

import pandas as pd
import pytest
from rich.console import Console

from hookcount.tables import grid


def shown(renderable, width=80):
    """What a terminal of that width shows."""
    console = Console(file=io.StringIO(), width=width)
    console.print(renderable)
    return console.file.getvalue()


def test_numbers_are_to_the_right_and_text_is_to_the_left():
    made = grid.grid(["name", "MACs"], right=["MACs"])
    made.add_row("a", "1")
    made.add_row("longer", "1000")
    assert grid.plain(made).splitlines() == ["name    MACs", "a          1", "longer  1000"]


def test_title_and_header():
    made = grid.grid(["name"], title="All", header=False)
    made.add_row("a row")
    assert grid.plain(made).splitlines() == ["All", "a row"]


def test_a_narrow_terminal_wraps_no_number():
    made = grid.grid(["name", "MACs"], right=["MACs"])
    made.add_row(grid.line("module." * 20), "12 345 678")
    text = shown(made, width=16)
    assert "12 345 678" in text
    assert "…" in text
    assert len(text.splitlines()) == 2


def test_a_frame_in_prefixes_percent_and_bytes():
    frame = pd.DataFrame(
        {"path": ["a"], "macs": [2_500_000], "macs_share": [0.125], "output_bytes": [3 * 2**20]}
    )
    head, row = grid.plain(grid.table(frame)).splitlines()
    assert head.split() == ["path", "macs", "macs_share", "output_bytes"]
    assert re.split(r"  +", row.strip()) == ["a", "2.50 M", "12.5%", "3.00 MiB"]


def test_a_frame_with_seconds_rates_and_missing_numbers():
    frame = pd.DataFrame(
        {
            "seconds": [0.0341, None],
            "flops_per_second": [2.5e12, None],
            "fps": [29.31, None],
            "macs": [7, None],
        }
    )
    head, *rows = grid.plain(grid.table(frame)).splitlines()
    assert head.split() == ["seconds", "flops_per_second", "fps", "macs"]
    cells = [re.split(r"  +", row.strip()) for row in rows]
    assert cells == [["34.1 ms", "2.50 T", "29.3", "7"], ["-"] * 4]


def test_a_frame_cuts_long_text_that_is_not_in_the_first_column():
    frame = pd.DataFrame({"path": ["x" * 60], "shape": ["y" * 60]})
    assert grid.plain(grid.table(frame)).splitlines()[1] == "x" * 60 + "  " + (
        "y" * 21 + "…" + "y" * 22
    )


@pytest.mark.parametrize(("text", "expected"), [("abcde", "abcde"), ("abcdef", "abcd…")])
def test_cut_leaves_text_of_the_width(text, expected):
    assert grid.cut(text, 5) == expected
    assert len(expected) <= 5


def test_lines_are_cut_and_paragraphs_are_wrapped():
    words = ("word " * 20).strip()

    def in_a_cell(text):
        made = grid.grid(["a"], header=False)
        made.add_row(text)
        return shown(made, 20)

    assert in_a_cell(grid.line(words)).splitlines() == [words[:19] + "…"]
    wrapped = in_a_cell(grid.paragraph(words))
    assert len(wrapped.splitlines()) > 4
    assert wrapped.split() == words.split()


def test_parts_are_one_below_the_other():
    made = grid.grid(["a"])
    made.add_row("1")
    assert grid.plain(grid.stacked("first", made, "last")).split("\n") == [
        "first",
        "a",
        "1",
        "last",
    ]


def test_plain_text_is_as_wide_as_its_content_and_has_no_colour():
    text = grid.plain(grid.line("x" * 500, "bold red"))
    assert text == "x" * 500


def test_text_in_brackets_is_no_markup():
    assert grid.plain(grid.stacked("[bold] list[int]")) == "[bold] list[int]"


def test_html_has_the_same_text_and_escapes_it():
    made = grid.grid(["a < b"])
    made.add_row(grid.line("x & <script>"))
    page = grid.html(made)
    assert page.startswith("<pre")
    assert "<script>" not in page
    text = html.unescape(re.sub(r"<[^>]+>", "", page))
    lines = [each.rstrip() for each in text.strip().splitlines()]
    assert lines == grid.plain(made).splitlines()


def test_show_prints(capsys):
    grid.show(grid.stacked("first"))
    assert capsys.readouterr().out == "first\n"

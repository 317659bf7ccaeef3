"""Wide tables in narrow consoles: several tables, or a turned one."""

import io

import pandas as pd
import pytest
from rich.console import Console

from hookcount.tables.grid import plain, table

FRAME = pd.DataFrame(
    {
        "model": ["resnet50", "timm:vit_tiny_patch16_224", "convnext_tiny"],
        **{f"convention{n} (MACs)": [n * 10**9, n * 10**6 + 1, n] for n in range(1, 17)},
    }
)


def shown(renderable, width):
    console = Console(file=io.StringIO(), width=width)
    console.print(renderable)
    return console.file.getvalue().splitlines()


def figures(lines):
    """The cells that are numbers, with their prefixes."""
    cells = [cell for line in lines for cell in line.split("  ") if cell.strip()]
    return sorted(cell.strip() for cell in cells if cell.strip()[0].isdigit())


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_no_figure_is_lost_or_cut_at_any_width(width, turned):
    lines = shown(table(FRAME, turned=turned), width)
    assert max(map(len, lines)) <= width
    assert figures(lines) == figures(plain(table(FRAME)).splitlines())
    assert len(figures(lines)) == 3 * 16


def test_a_turned_table_has_a_column_a_row():
    lines = shown(table(FRAME, turned=True), 80)
    assert lines[0].split() == ["model", "resnet50", "timm:vit_tiny_patch16_224", "convnext_tiny"]
    assert lines[16].startswith("convention16 (MACs)")
    assert lines[16].split()[2:] == ["16.0", "G", "16.0", "M", "16"]
    assert len(lines) == 17


def test_a_table_that_fits_is_not_turned():
    for width in (2000, 10_000):
        assert len(shown(table(FRAME, turned=True), width)) == 1 + 3


def test_parts_of_a_table_each_have_the_first_column():
    lines = shown(table(FRAME), 80)
    assert len(lines) % 4 == 0
    assert len(lines) > 4
    assert {line.split()[0] for line in lines[1::4]} == {"resnet50"}


def test_text_is_cut_before_a_table_is_parted():
    frame = pd.DataFrame({"path": ["a" * 40 + "1", "a" * 40 + "2"], "macs": [12, 13]})
    lines = shown(table(frame), 30)
    assert len(lines) == 3
    assert max(map(len, lines)) <= 30
    assert lines[1].split()[0] != lines[2].split()[0]


def test_exact_figures_as_text_are_numbers():
    frame = pd.DataFrame(
        {"name": ["a", "b"], "figure": ["1,814,073,344", "-"], "tool": ["x" * 30, "y" * 30]}
    )
    for width in (24, 30, 40):
        lines = shown(table(frame), width)
        assert "1,814,073,344" in " ".join(lines)
        assert max(map(len, lines)) <= width


def test_one_column_alone():
    assert shown(table(pd.DataFrame({"macs": [1, 2]})), 60) == ["macs", "   1", "   2"]


def test_a_long_text_takes_no_room_from_the_figures_beside_it():
    wide = FRAME.assign(error=["", "a reason " * 30, "another reason " * 30])
    lines = shown(table(wide, turned=True), 60)
    assert max(map(len, lines)) <= 60
    assert figures(lines) == figures(plain(table(FRAME)).splitlines())
    assert len({line for line in lines if line.startswith("error")}) >= 1

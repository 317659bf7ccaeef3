"""Sheets in consoles of a given width."""

import io

import pytest
from rich.console import Console

from hookcount.tables.columns import Column
from hookcount.tables.grid import plain
from hookcount.tables.sheet import Fit, Fitted, Sheet

NAMES = Column("name", ["first_of_the_layers", "last_of_the_layers"])
MACS = Column("MACs", ["1.25 G", "3"], right=True)
NOTE = Column("note", ["a", ""])
BAR = Column("bar", ["##", "#"], in_terminals=True)


def fits(width):
    yield Fit()
    yield Fit(frozenset(["note"]))
    yield Fit(frozenset(["note"]), least={"name": 8})


def shown(sheet, width, terminal=False):
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)
    console.print(sheet)
    return console.file.getvalue().splitlines()


def test_without_a_limit_all_columns_are_there():
    assert plain(Sheet([NAMES, MACS, NOTE], fits)).splitlines() == [
        "name                   MACs  note",
        "first_of_the_layers  1.25 G  a",
        "last_of_the_layers        3",
    ]


@pytest.mark.parametrize("width", range(16, 40))
def test_a_narrow_console_gets_what_fits(width):
    lines = shown(Sheet([NAMES, MACS, NOTE], fits), width)
    assert max(map(len, lines)) <= width
    assert ("note" in lines[0]) == (width >= 19 + 2 + 6 + 2 + 4)
    assert lines[1].split()[-2 if "note" not in lines[0] else -3 :][:2] == ["1.25", "G"]
    assert lines[1].split()[0] != lines[2].split()[0]


def test_as_little_is_cut_as_needed():
    lines = shown(Sheet([NAMES, MACS], fits), 24)
    assert {len(line) for line in lines} == {24}


def test_a_column_for_terminals_is_in_no_file():
    sheet = Sheet([NAMES, MACS, BAR])
    assert "bar" not in plain(sheet)
    assert "##" in "".join(shown(sheet, 80, terminal=True))


def test_what_is_missing_is_told():
    assert Sheet([NAMES, MACS], fits).fitting(16)[2] == 0
    assert Sheet([NAMES, MACS], fits).fitting(10)[2] == 8 + 2 + 6 - 10


def test_something_fitted_gets_the_width():
    class Ruler(Fitted):
        def parts(self, width):
            return ["-" * width]

    assert shown(Ruler(), 33) == ["-" * 33]


def test_a_terminal_gets_colours():
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system="standard")
    console.print(Sheet([Column("name", ["a"], style="cyan")]))
    assert "\x1b[36ma\x1b[0m" in console.file.getvalue()

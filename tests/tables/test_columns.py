"""Columns: their widths, and the names of a tree."""

import pytest

from hookcount.tables.columns import Column, TreeColumn, branches

LAST = [(), (False,), (False, False), (False, True), (True,), (True, True)]


def text(column, width, indent):
    return ["".join(piece for piece, _ in each) for each in column.shown(width, indent)]


def named(names, last=LAST, marks=None):
    return TreeColumn("module", names, last=last, marks=marks or [""] * len(names))


@pytest.mark.parametrize(
    ("indent", "expected"),
    [
        (3, ["m", "├─ a", "│  ├─ b", "│  └─ c", "└─ d", "   └─ e"]),
        (2, ["m", "├ a", "│ ├ b", "│ └ c", "└ d", "  └ e"]),
        (1, ["m", "├a", "│├b", "│└c", "└d", " └e"]),
    ],
)
def test_branches_at_each_indent(indent, expected):
    column = named([*"mabcde"])
    assert text(column, column.natural(indent), indent) == expected
    assert column.natural(indent) == max(len("module"), *map(len, expected))


def test_names_of_siblings_stay_different_and_marks_are_whole():
    names = ["m", "a" * 30 + "1", "b", "c", "a" * 30 + "2", "a" * 30 + "1"]
    marks = ["", " +", "", "", " + ?", ""]
    for width in range(12, 40):
        found = text(named(names, marks=marks), width, 3)
        assert max(map(len, found)) <= width
        assert found[1] != found[4].replace("└", "├").removesuffix(" ?")
        assert found[1].endswith(" +")
        assert found[4].endswith(" + ?")


def test_branches_that_are_too_long_leave_room_for_the_name():
    depth = 40
    last = [(True,) * level for level in range(depth)]
    found = text(named([f"layer{level}" for level in range(depth)], last=last), 20, 1)
    assert max(map(len, found)) <= 20
    assert all(f"layer{level}" in line for level, line in enumerate(found))


def test_equal_cells_are_cut_alike_and_different_ones_are_not():
    column = Column("type", ["ShiftedWindowAttention", "ShiftedWindowAttentionV2", "Conv2d"] * 2)
    found = text(column, column.least(8, 0), 0)
    assert found[:3] == found[3:]
    assert len(set(found)) == 3
    assert column.least(8, 0) < 22


def test_the_most_of_a_column_holds_in_any_width():
    column = Column("output", ["(" + "1, " * 40 + "1)", "(" + "1, " * 40 + "2)"], most=20)
    assert [len(each) for each in column.cells] == [20, 20]
    assert len(set(column.cells)) == 2


def test_no_branches_before_the_root():
    assert [*branches((), 3)] == []

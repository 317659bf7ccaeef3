"""The tree as people see it, in consoles of a given width."""

import cProfile
import io
import pstats
import re
from dataclasses import replace

import pytest
import torch
from helpers.pictured import EACH, Block, counted
from rich.console import Console
from torch import nn

import hookcount
from hookcount.analysis.folding.fold import folded
from hookcount.render.text import Column, tree, tree_alone
from hookcount.tables.grid import plain, stacked

WIDTHS = [60, 80, 120, 200]
NUMBER = r"~?\d[\d.]*(?: [kMGTPEZY])?"
PREFIX = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}


def shown(renderable, width, terminal=False):
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)
    console.print(renderable)
    return console.file.getvalue().splitlines()


def table(lines):
    """The head and the rows, without the heading and the notes."""
    start = next(row for row, line in enumerate(lines) if line.startswith("module "))
    rows = [line for line in lines[start + 1 :] if re.match(r"(\(model\)|[├└│ …])", line)]
    return lines[start], rows


def value(text):
    """A number as it is shown, such as ``~1.25 M``."""
    digits, _, prefix = text.strip().lstrip("~").partition(" ")
    return float(digits) * PREFIX[prefix]


def cell(head, row, title):
    """The cell of a column of numbers. Each cell ends where its title ends."""
    end = head.index(title) + len(title)
    return re.split(r"  +", row[:end].ljust(end))[-1].strip()


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", EACH)
def test_each_model_fits_each_width(name, width, terminal):
    view = stacked("a title", tree(counted(name).priced, hint="--full shows every module."))
    lines = shown(view, width, terminal)
    assert len(lines) <= 45
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", EACH)
def test_n_times_the_figure_of_one_is_the_share_on_each_line(name, width):
    report = counted(name)
    head, rows = table(shown(tree(report.priced), width))
    assert rows
    for row in rows:
        share, macs = cell(head, row, "% MACs"), cell(head, row, "MACs")
        assert bool(share) == bool(macs)
        if not share:
            continue
        times = int(match.group(1)) if (match := re.search(r"  (\d+)x  ", row)) else 1
        found = 100 * times * value(macs) / report.macs
        if share == "<0.1%":
            assert found < 0.051
        else:
            assert found == pytest.approx(float(share.rstrip("%")), abs=0.051 + 0.0051 * found)


@pytest.mark.parametrize("name", EACH)
def test_numbers_are_whole_at_each_width(name):
    """The numbers of a narrow console are those of a wide one."""
    priced = counted(name).priced
    wide_head, wide = table(shown(tree(priced, depth=3), 500))
    for width in WIDTHS:
        head, rows = table(shown(tree(priced, depth=3), width))
        assert len(rows) == len(wide)
        for title in ("MACs", "% MACs", *(each for each in ("FLOPs", "params") if each in head)):
            found = [cell(head, row, title) for row in rows]
            assert found == [cell(wide_head, row, title) for row in wide]
            assert all(re.fullmatch(rf"({NUMBER}|<?[\d.]+%)?", each) for each in found)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", EACH)
def test_siblings_have_different_names_at_each_width(name, width):
    priced = counted(name).priced
    root = folded(priced.tree)
    head, rows = table(shown(tree(priced, depth=3), width))
    ends = len(head) if "type" not in head else head.index("type")
    names = [re.sub(r"^[│├└─ ]*", "", row[:ends]).split("  ")[0].strip() for row in rows]

    def walk(row, depth, position):
        children = []
        position += 1
        for child in row.children if depth < 3 else ():
            children.append(names[position])
            position = walk(child, depth + 1, position)
        assert len(set(children)) == len(children)
        return position

    assert walk(root, 0, 0) == len(names)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", EACH)
def test_rows_of_a_first_view_are_told_apart(name, width):
    """Read from the printed lines alone: no two rows in one row have the same name."""
    rows = table(shown(tree(counted(name).priced), width, terminal=True))[1]
    names: list[tuple[int, set[str]]] = []
    for row in rows:
        label = row.lstrip("│├└─ …")
        depth = len(row) - len(label)
        while names and names[-1][0] > depth:
            names.pop()
        if not names or names[-1][0] < depth:
            names.append((depth, set()))
        known, found = names[-1][1], re.split(r"  | \+| \?", label)[0]
        assert found
        assert found not in known
        known.add(found)


def test_a_pipe_and_a_report_have_no_limit_of_width(monkeypatch):
    report = counted("swin_t")
    monkeypatch.setenv("COLUMNS", "40")
    text = str(report)
    monkeypatch.setenv("COLUMNS", "300")
    assert str(report) == text == plain(tree(report.priced))
    assert "ShiftedWindowAttention" in text
    assert "output" in text.splitlines()[1]
    assert "█" not in text


def test_columns_give_way_in_order():
    priced = counted("swin_t").priced
    titles = ["module", "type", "output", "params", "MACs", "FLOPs", "% MACs"]
    gone = []
    for width in range(220, 39, -1):
        head, rows = table(shown(tree(priced, depth=2), width, terminal=True))
        new = [each for each in titles if each not in head.split("  ") and each not in gone]
        new = [each for each in new if f"{each} " not in f"{head} "]
        if "█" not in "".join(rows) and "bar" not in gone:
            new.insert(0, "bar")
        gone += new
        assert max(map(len, rows)) <= width
    assert gone == ["bar", "output", "type", "FLOPs", "params"][: len(gone)]
    assert len(gone) >= 3


def test_calls_are_shown_where_a_module_ran_twice():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.other, self.never = nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8)

        def forward(self, x):
            return self.other(self.layer(self.layer(x)))

    priced = hookcount.count(Twice(), torch.zeros(1, 8)).priced
    head, rows = table(shown(tree(priced), 200))
    assert [cell(head, row, "calls") for row in rows] == ["", "2", "", "0"]
    assert "calls" not in table(shown(tree(priced), 50))[0]
    assert "calls" not in table(shown(tree(counted("flat").priced), 200))[0]


def test_the_notes_say_what_is_hidden_and_what_signs_mean():
    hint = "--full shows every module."

    def notes(name, **options):
        return " ".join(shown(tree(counted(name).priced, hint=hint, **options), 500)).split("  ")[
            -1
        ]

    swin = notes("swin_t")
    for said in ("+:", "Nx:", "~:", "39 modules without work", hint):
        assert said in swin  # 3 dropouts in each of 12 blocks, 1 before them, and Permute, Flatten
    assert hint not in notes("swin_t", fold=False)
    alone = shown(tree(hookcount.count(nn.Linear(8, 8), torch.zeros(1, 8)).priced, hint=hint), 80)
    assert len(alone) == 3


def test_a_tree_that_is_not_folded_has_each_module():
    for name in ("vit_b_16", "resnet50", "no work", "deep"):
        report = counted(name)
        head, rows = table(shown(tree(report.priced, fold=False), 500))
        assert len(rows) == len(list(report.tree))
        assert "x  " not in head


def test_what_a_module_did_itself_names_its_ops():
    head, rows = table(shown(tree(counted("held").priced), 120))
    row = next(row for row in rows if "(itself)" in row)
    assert "bmm" in row or "matmul" in row
    # two products of 4 * 4 * 16, in each of 6 blocks
    assert value(cell(head, row, "MACs")) == 2 * 4 * 4 * 16
    assert " 6x " in row


def test_uncounted_work_is_marked_also_in_a_closed_row():
    class Unknown(nn.Module):
        def forward(self, x):
            return torch.from_numpy(x.detach().numpy() * 2)

    model = nn.Sequential(nn.Linear(8, 8), nn.Sequential(nn.Linear(8, 8), Unknown()))
    with pytest.warns(hookcount.UncountedWarning):
        priced = hookcount.count(model, torch.zeros(1, 8)).priced
    lines = shown(tree(priced), 120)
    assert [" ? " in line for line in table(lines)[1]] == [False] * 4 + [True]
    assert "lower bound" in " ".join(lines)
    closed = table(shown(tree(priced, depth=1), 120))[1]
    assert "1 + ?" in closed[2]
    assert "?" not in closed[1]


def test_a_tree_under_a_convention_has_its_figure():
    report = counted("resnet50").under("torch")
    head, rows = table(shown(tree(report.priced), 120))
    assert cell(head, rows[0], "torch (FLOPs)") == "8.18 G"  # 2 * 4.09 G: it sees products only
    conv1 = 2 * 64 * 3 * 7 * 7 * 112 * 112
    assert value(cell(head, rows[1], "torch (FLOPs)")) == pytest.approx(conv1, rel=0.005)
    assert cell(head, rows[1], "share") == f"{100 * conv1 / report.headline:.1f}%"


@pytest.mark.parametrize("width", [40, 60, 80])
@pytest.mark.parametrize("name", ["thop", "a_convention_with_a_name_of_many_words"])
def test_the_figure_of_a_convention_is_whole_at_each_width(name, width):
    convention = replace(hookcount.Convention("x"), name=name)
    report = counted("resnet50").under(convention)
    lines = shown(tree(report.priced), width)
    assert max(map(len, lines)) <= width
    head, rows = table(lines)
    assert "(MACs)" in head
    assert rows[0].endswith("  100.0%")
    assert "  4.09 G  " in rows[0]
    assert next(row for row in rows if "conv1" in row).endswith("2.9%")  # 118 M of 4.09 G


def test_siblings_in_order_of_a_figure():
    rows = table(shown(tree(counted("flat").priced, depth=1, sort="params"), 80))[1]
    names = [re.sub(r"^[├└─ ]*", "", row).split()[0] for row in rows[1:]]
    assert names == [str(each) for each in reversed(range(100))]


def test_more_columns_beside_those_of_a_count():
    priced = counted("held").priced
    depth = Column("depth", lambda node: str(node.depth))
    head, rows = table(shown(stacked(*tree_alone(priced, more=[depth])), 120))
    assert len(rows) == len(list(priced.tree))
    assert [cell(head, row, "depth") for row in rows[:3]] == ["0", "1", "2"]
    many = Column("depth", lambda node: str(node.depth), lambda nodes: f"{len(nodes)} nodes")
    head, rows = table(shown(stacked(*tree_alone(priced, more=[many])), 120))
    assert [cell(head, row, "depth") for row in rows] == ["0", "6 nodes", "6 nodes", ""]


def test_hostile_names_do_no_harm():
    model = nn.Sequential()
    for name in ("a\nb", "\x1b[31mred", "[bold]x[/bold]", "n" * 3000, "n" * 2999 + "m", "层" * 50):
        model.add_module(name, nn.Linear(8, 8))
    priced = hookcount.count(model, torch.zeros(1, 8)).priced
    for width in (*WIDTHS, 10_000):
        lines = shown(tree(priced), width)
        assert len(table(lines)[1]) == 1 + 6
        assert not any("\x1b" in line for line in lines)
        assert "[bold]x[/bold]" in "".join(lines)
        assert len(set(lines)) == len(lines)


def _blocks(modules):
    def block():
        return nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))

    return nn.Sequential(*[block() for _ in range(modules // 4)])


def _apart(modules):
    return nn.Sequential(*[nn.Linear(8 + i % 97, 8 + (i + 1) % 97) for i in range(modules)])


@pytest.mark.parametrize("made", [_blocks, _apart])
def test_the_work_of_printing_is_linear_in_the_modules(made):
    def calls(modules, fold):
        priced = hookcount.count(made(modules), torch.zeros(1, 8)).priced
        priced.tree  # noqa: B018 (it is made once)
        profile = cProfile.Profile()
        assert profile.runcall(lambda: plain(tree(priced, fold=fold)))
        return pstats.Stats(profile).total_calls

    for fold in (True, False):
        calls(10, fold)  # imports
        assert calls(2_000, fold) < 8 * 1.2 * calls(250, fold)


def test_blocks_in_a_container_that_never_runs():
    rows = table(shown(tree(counted("held").priced), 120))[1]
    assert [re.sub(r"^[│├└─ ]*", "", row).split()[0] for row in rows] == [
        "(model)",
        "encoder.layers.0-5",
        "qkv",
        "(itself)",
    ]
    assert Block.__name__ in rows[1]

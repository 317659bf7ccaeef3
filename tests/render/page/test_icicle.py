"""The pictures of a page: cells that are as wide as their share, and lead to their rows."""

import functools
import itertools

import pytest
import torch
from helpers.parsed import Page
from helpers.pictured import EACH, counted
from torch import nn

import hookcount
from hookcount.analysis.roles.roles import CONVOLUTION, FEED, PRODUCTS, PROJECTIONS, ROLES

ROUND = 0.002
"""Places are written with three digits of a percent."""


@functools.cache
def parsed(name):
    return Page(counted(name).to_html())


def row_of(page, cell):
    return page.rows[page.places[cell.href[1:]]]


def fill(role):
    return f"role{ROLES.index(role)}"


@pytest.mark.parametrize("name", EACH)
def test_cells_are_few_and_lead_to_their_rows(name):
    page = parsed(name)
    assert len(page.pictures) <= 4
    for cells in page.pictures:
        assert 0 < len(cells) <= 400
        assert cells[0].name == "(model)"
        assert (cells[0].left, cells[0].width) == (0, 100)
        for cell in cells:
            row = row_of(page, cell)
            assert row.depth == cell.depth
            name_of_row = row.cells[0].removesuffix(" ?")
            times = row.cells[page.titles.index("")] if "" in page.titles else ""
            assert cell.name == f"{name_of_row} {times}".strip()


@pytest.mark.parametrize("name", EACH)
def test_a_cell_is_in_the_one_above_it_and_beside_its_siblings(name):
    for cells in parsed(name).pictures:
        above = {}
        ends = {}
        for cell in cells:
            above[cell.depth] = cell
            if cell.depth:
                parent = above[cell.depth - 1]
                start = max(parent.left, ends.get((parent.href, cell.depth), 0))
                assert cell.left >= start - ROUND
                assert cell.left + cell.width <= parent.left + parent.width + ROUND
                assert "up" in parent.kinds
                ends[parent.href, cell.depth] = cell.left + cell.width


@pytest.mark.parametrize("name", [each for each in EACH if each not in ("no work", "no product")])
def test_a_width_is_the_exact_share_of_the_row(name):
    report, page = counted(name), parsed(name)
    for place, whole in ((-3, report.macs), (-2, report.flops)):
        cells = page.pictures[0 if place == -3 else 1]
        for cell in cells:
            share = 100 * row_of(page, cell).figures[place] / whole
            assert cell.width == pytest.approx(share, abs=ROUND)


def test_figures_without_work_have_no_picture():
    assert parsed("no work").pictures != []  # of outputs
    wholes = [cells[0].said.split(" · ")[-1] for cells in parsed("no product").pictures]
    assert wholes[0].endswith(" FLOPs, 100.0%")
    assert wholes[1:] == [
        f"{8 + 8} parameters, 100.0%",  # weight and bias of the norm
        f"{2 * 8 * 4} B of outputs, 100.0%",  # of two layers, in float32
    ]


class Backwards(nn.Module):
    """It runs its layers from the last to the first, and one of them never."""

    def __init__(self):
        super().__init__()
        self.never = nn.Linear(4, 4)
        self.last = nn.Linear(8, 2)
        self.blocks = nn.ModuleList([nn.Linear(16, 8), nn.Linear(4, 16)])

    def forward(self, x):
        return self.last(self.blocks[0](self.blocks[1](x)))


def test_the_order_is_that_of_execution():
    page = Page(hookcount.count(Backwards(), torch.zeros(1, 4)).to_html())
    macs, _, params, outputs = page.pictures
    assert [cell.name for cell in macs] == ["(model)", "blocks", "1", "0", "last"]
    starts = [0, 0, 0, 4 * 16, 4 * 16 + 16 * 8]
    whole = 4 * 16 + 16 * 8 + 8 * 2
    assert [cell.left for cell in macs] == pytest.approx(
        [100 * each / whole for each in starts], abs=ROUND
    )
    assert [cell.name for cell in params][-1] == "never"
    assert {cell.name: cell.said.split(" · ")[-1] for cell in outputs} == {
        "(model)": f"{4 * (16 + 8 + 2)} B of outputs, 100.0%",
        "blocks": f"{4 * (16 + 8)} B of outputs, {100 * 24 / 26:.1f}%",
        "1": f"{4 * 16} B of outputs, {100 * 16 / 26:.1f}%",
        "0": f"{4 * 8} B of outputs, {100 * 8 / 26:.1f}%",
        "last": f"{4 * 2} B of outputs, {100 * 2 / 26:.1f}%",
    }


def test_a_colour_is_a_role_with_three_quarters_of_the_work():
    macs = parsed("resnet50").pictures[0]
    assert fill(CONVOLUTION) in macs[0].kinds
    macs = parsed("llama").pictures[0]
    fills = {cell.name: cell.kinds - {"up"} for cell in macs}
    assert fills["self_attn 32x"] == {fill(PROJECTIONS)}
    assert fills["(itself) 32x"] == {fill(PRODUCTS)}
    assert fills["mlp 32x"] == {fill(FEED)}
    assert fills["layers.0-31 32x"] == set()  # neither has three quarters
    assert fills["(model)"] == set()


def test_a_shared_parameter_has_one_place():
    params = parsed("shared").pictures[2]
    block, linear, bias = 8 * 24 + 24, 8 * 8 + 8, 8  # the second layer has its own bias only
    assert f" {block + linear + bias} parameters, " in params[0].said
    assert sum(cell.width for cell in params if cell.depth == 1) == pytest.approx(100, abs=ROUND)


def test_a_very_deep_tree_has_few_levels():
    inner = nn.Linear(8, 8)
    for _ in range(60):
        inner = nn.Sequential(nn.Linear(8, 8), inner)
    page = Page(hookcount.count(inner, torch.zeros(1, 8)).to_html())
    assert max(row.depth for row in page.rows) > 24
    assert [max(cell.depth for cell in cells) for cells in page.pictures] == [23] * 4


def test_the_widest_of_many_are_there():
    widths = [8 + place % 37 for place in range(3_001)]
    layers = [nn.Linear(*pair, device="meta") for pair in itertools.pairwise(widths)]
    wide = nn.Linear(widths[-1], 100_000, device="meta")
    report = hookcount.count(nn.Sequential(*layers, wide), torch.zeros(1, 8, device="meta"))
    for cells in Page(report.to_html()).pictures:
        assert len(cells) <= 400
        assert cells[-1].name == "3000"


def test_a_convention_s_figure_has_a_picture():
    report = counted("resnet50").under("thop")
    text = report.to_html()
    assert ">thop (MACs)</label>" in text
    assert f"{report.headline / 1e9:.2f} G MACs, 100.0%" in Page(text).pictures[0][0].said


def test_a_report_from_a_file_has_pictures_without_colours():
    page = Page(hookcount.Report.from_json(counted("llama").to_json()).to_html())
    assert [len(cells) for cells in page.pictures] == [
        len(cells) for cells in parsed("llama").pictures
    ]
    assert {kind for cells in page.pictures for cell in cells for kind in cell.kinds} == {"up"}

"""The style of a page: its colours can be read, in both themes; it fits a narrow window."""

import re

import pytest

from hookcount.analysis.roles.roles import ROLES
from hookcount.render.page import style as sheet
from hookcount.render.page import tree_style as tree
from hookcount.render.page.colours import DARK, LIGHT, MIXED, ROLE_FILLS, declared
from hookcount.render.page.tree_style import layout

PLACES = "inner|outer|indent|share|levels|[dxw]\\b"
"""Names that are no colours."""
TITLES = ["module", "type", "output", "calls", "", "params", "MACs", "FLOPs", "% MACs"]


def style(titles):
    return sheet.style(titles).replace(f".{layout(titles)}", "")


def tree_style(titles):
    return tree.tree_style(titles).replace(f".{layout(titles)}", "")


def luminance(colour):
    """The relative luminance of WCAG 2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts
    ]
    return sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_the_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # known to fail by 0.02


@pytest.mark.parametrize("theme", [LIGHT, DARK])
@pytest.mark.parametrize("text", ["fg", "dim", "link", "warn"])
@pytest.mark.parametrize("ground", ["bg", "soft"])
def test_text_can_be_read(theme, text, ground):
    assert contrast(theme[text], theme[ground]) >= 4.5


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_a_warning_a_tab_and_a_bar_can_be_seen(theme):
    assert contrast(theme["warn"], theme["warn-bg"]) >= 4.5
    assert contrast(theme["bg"], theme["fg"]) >= 4.5
    assert contrast(theme["bar"], theme["bg"]) >= 3
    assert contrast(theme["bar"], theme["soft"]) >= 3


def test_each_role_has_a_fill_of_its_own():
    assert set(ROLE_FILLS) == set(ROLES)
    for theme in (0, 1):
        assert len({fill[theme] for fill in ROLE_FILLS.values()}) == len(ROLES)


def test_all_colours_are_among_those_that_are_tested():
    rules = style(TITLES).replace(declared(), "")
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b|\brgba?\(|\bhsla?\(", rules) == []
    assert set(re.findall(rf"var\(--(?!(?:{PLACES}))([\w-]+)\)", rules)) <= set(LIGHT)
    assert set(LIGHT) == set(DARK)


def test_braces_are_balanced():
    found = style(TITLES)
    assert found.count("{") == found.count("}")
    assert "url(" not in found
    assert "@import" not in found


def test_a_narrow_window_has_name_figure_share_and_type_below():
    narrow = style(TITLES).split("@media (max-width:760px){")[1]
    hidden = {
        int(each)
        for each in re.findall(r"nth-child\((\d+)\)(?=[,{]|$)", narrow.split("{display")[0])
    }
    assert [TITLES[place - 1] for place in sorted(hidden)] == ["output", "calls", "params", "FLOPs"]
    assert "grid-template-columns:minmax(0,1fr) 44px 68px 100px" in narrow
    # window, less padding of page and row, border, gaps: this is left for a name
    assert 420 - 2 * 12 - 2 * 8 - 2 - 3 * 8 - (44 + 68 + 100) > 130
    assert ".hookcount i:nth-child(2){grid-area:2/1" in narrow


def test_a_convention_s_figure_stays_in_a_narrow_window():
    titles = [*TITLES[:6], "thop (MACs)", "MACs", "FLOPs", "share"]
    narrow = style(titles).split("@media (max-width:760px){")[1]
    assert ".hookcount i:nth-child(8)" in narrow.split("{display")[0]
    assert ".hookcount i:nth-child(7)" not in narrow.split("{display")[0]


@pytest.mark.parametrize("titles", [TITLES, [*TITLES[:2], *TITLES[5:]], [*TITLES[:3], *TITLES[4:]]])
def test_at_each_width_there_is_a_place_for_each_column_that_is_shown(titles):
    wide, *narrow = re.split(r"@media \(max-width:\d+px\)", tree_style(titles))
    assert len(narrow) == 2
    for rules, below in ((wide, 0), (narrow[0], 0), (narrow[1], 1)):
        (widths,) = re.findall(r"grid-template-columns:([^}]+)", rules)
        (gone,) = re.findall(r"\}((?:,?\.hookcount i:nth-child\(\d+\))+)\{display:none", rules) or [
            ""
        ]
        assert len(widths.split()) == len(titles) - gone.count("nth-child") - below


def test_a_convention_s_name_is_no_rule():
    assert "evil" not in tree_style(["module", "type", '"}</style>evil (MACs)', "share"])


def test_each_figure_has_its_unit_for_a_reader_that_says_it_aloud():
    rules = tree_style(TITLES)
    said = {
        TITLES[int(place) - 1]: text
        for place, text in re.findall(
            r'nth-child\((\d+)\):not\(:empty\)::after\{content:"(.*?)"', rules
        )
    }
    assert said == {each: f" {each}" for each in ("calls", "params", "MACs", "FLOPs")}


@pytest.mark.parametrize(("theme", "place"), [(LIGHT, 0), (DARK, 1)])
def test_names_in_cells_and_marked_rows_can_be_read(theme, place):
    for fill in ROLE_FILLS.values():
        assert contrast(theme["fg"], fill[place]) >= 4.5
        assert contrast(theme["fg"], mixed(fill[place], theme["bg"], MIXED)) >= 4.5
    marked = mixed(theme["link"], theme["bg"], 18)
    for text in ("fg", "dim", "warn"):
        assert contrast(theme[text], marked) >= 4.5
    assert "color-mix(in srgb,var(--link) 18%,var(--bg))" in style(TITLES)


def mixed(colour, ground, per_cent):
    parts = [[int(each[at : at + 2], 16) for at in (1, 3, 5)] for each in (colour, ground)]
    pairs = zip(*parts, strict=True)
    both = [(per_cent * one + (100 - per_cent) * other) / 100 for one, other in pairs]
    return "#" + "".join([f"{round(each):02x}" for each in both])


def test_trees_with_other_columns_have_other_rules():
    """A notebook may show both, one below the other."""
    others = [TITLES[:3], TITLES, [*TITLES[:-1], "share"]]
    assert len({layout(titles) for titles in others}) == 3
    for titles in others:
        rules = tree.tree_style(titles)
        depending = [each for each in rules.split("}") if "nth-child" in each or "grid-te" in each]
        assert len(depending) > 3
        for each in depending:
            if "-n+" not in each:  # of the first two columns, which all trees have
                assert f".hookcount.{layout(titles)}" in each

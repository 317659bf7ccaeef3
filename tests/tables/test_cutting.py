"""Text that fits, and that no one can mistake for another text."""

import pytest

from hookcount.core.names import clean
from hookcount.tables.cutting import apart, cells, first, middle, numbered, wrapped


@pytest.mark.parametrize("text", ["a\nb", "\x1b[31mred", "a\tb", "\u202eabc", "a\x00", "\ud800"])
def test_control_characters_become_visible(text):
    found = clean(text)
    assert found.isprintable()
    assert found.encode("utf-8")
    assert found != text


def test_names_in_other_scripts_stay():
    assert clean("слой_层") == "слой_层"
    assert (cells("слой"), cells("层")) == (4, 2)


@pytest.mark.parametrize("width", range(1, 12))
def test_cut_text_is_as_wide_as_asked_at_most(width):
    for text in ("conv", "a_long_name_of_a_layer", "层" * 9):
        for found in (middle(text, width), first(text, width), *numbered([text], width)[:1]):
            assert cells(found) <= max(width, 2)


def test_the_cut_is_where_texts_stay_different():
    in_the_middle = [f"block_{n}_of_the_model" for n in (1, 2, 3)]
    at_the_end = [f"a_block_of_the_model_{n}" for n in (1, 2, 3)]
    at_the_start = [f"{n}_a_block_of_the_model" for n in (1, 2, 3)]
    for texts in (in_the_middle, at_the_end, at_the_start):
        for width in (9, 12, 16):
            found = apart(texts, width)
            assert found is not None
            assert len(set(found)) == 3
            assert {cells(each) for each in found} == {width}


def test_texts_that_no_cut_keeps_apart_are_numbered():
    texts = ["x" * 20 + letter + "x" * 20 for letter in "abc"]
    assert apart(texts, 10) is None
    assert numbered(texts, 10) == ["xxxxxxxx…1", "xxxxxxxx…2", "xxxxxxxx…3"]
    assert apart(["a"], 0) is None


def test_a_number_and_its_unit_stay_on_one_line():
    text = "ResNet: 25.6 M params, 4.09 G MACs, 8.22 G FLOPs"
    for width in range(15, 60):
        lines = wrapped(text, width)
        assert " ".join(lines) == text
        assert max(map(len, lines)) <= width
        for unit in ("25.6 M params", "4.09 G MACs", "8.22 G FLOPs"):
            assert any(unit in line for line in lines)

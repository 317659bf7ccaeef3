"""Names without control characters, and of a bounded length."""

import pytest

from hookcount.core.names import clean, shortened


@pytest.mark.parametrize("name", ["layer1.0", "größe", "层", "a b", "<img onerror>", "a\\n"])
def test_an_ordinary_name_stays_as_it_is(name):
    assert clean(name) == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\x9b31m", r"\x9b31m"),  # the same in one byte
        ("a\u202eb", r"a\u202eb"),  # turns the rest of a line around
        ("a\u2028b", r"a\u2028b"),  # a line break, too
        ("\udc80", r"\udc80"),  # no encoding holds half a character
        ("\0", r"\x00"),
    ],
)
def test_what_a_terminal_or_a_reader_would_act_on_is_shown(name, shown):
    assert clean(name) == shown
    assert clean(name).encode("utf-8").decode().isprintable()


def test_different_ends_stay_different():
    one, other = (shortened("a" * 3000 + end, 60) for end in ("1", "2"))
    assert one != other
    assert len(one) == len(other) == 60
    assert shortened("abc", 3) == "abc"
    assert shortened("abcdef", 5) == "ab…ef"
